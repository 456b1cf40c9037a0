"""VOC XML: corners, difficult objects, other extensions, and every fault named."""

import pytest
from PIL import Image

from smnas.data.voc import find_picture, read_voc_xml
from smnas.errors import DataError, MissingFileError


def voc_object(box=(1, 1, 10, 20), name="Tree", difficult=0):
    corners = "".join(
        f"<{key}>{value}</{key}>"
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{corners}</bndbox></object>"
    )


@pytest.fixture
def make_voc(tmp_path):
    def make(*objects, width=100, height=80, file_name="a.tif"):
        path = tmp_path / "a.xml"
        path.write_text(
            f"<annotation><filename>{file_name}</filename>"
            f"<size><width>{width}</width><height>{height}</height></size>"
            f"{''.join(objects)}</annotation>"
        )
        return path

    return make


def fault_of(path):
    with pytest.raises(DataError) as caught:
        read_voc_xml(path)
    return str(caught.value)


def test_corners_are_one_based_and_inclusive(make_voc):
    picture = read_voc_xml(make_voc(voc_object((1, 1, 100, 80)), voc_object((3.5, 2, 4, 9))))
    assert (picture.file_name, picture.width, picture.height) == ("a.tif", 100, 80)
    assert [item.box_xyxy for item in picture.objects] == [(0, 0, 100, 80), (2.5, 1, 4, 9)]


def test_difficult_objects_are_marked(make_voc):
    picture = read_voc_xml(make_voc(voc_object(), voc_object(name="Dead", difficult=1)))
    assert [(item.name, item.difficult) for item in picture.objects] == [
        ("Tree", False),
        ("Dead", True),
    ]


def test_a_picture_may_show_nothing(make_voc):
    assert read_voc_xml(make_voc()).objects == ()


def test_boxes_that_stick_out_are_clipped(make_voc):
    picture = read_voc_xml(make_voc(voc_object((-5, 70, 20, 95))))
    assert picture.objects[0].box_xyxy == (0, 69, 20, 80)


@pytest.mark.parametrize(
    "box", [(5, 5, 5, 20), (5, 20, 30, 20), (30, 5, 10, 20), (120, 5, 140, 20), (-9, 5, 0, 20)]
)
def test_boxes_without_area_are_named(make_voc, box):
    text = fault_of(make_voc(voc_object(), voc_object(box)))
    assert "a.xml: 1 fault" in text
    assert f"object 2 (Tree): bndbox: {list(box)} has no area inside the picture" in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("<filename>a.tif</filename>", ""), "filename: missing"),
        (("<width>100</width>", ""), "size/width: expected a number, got None"),
        (("<width>100</width>", "<width>0</width>"), "size/width: expected a whole number"),
        (("<height>80</height>", "<height>x</height>"), "size/height: expected a number, got 'x'"),
        (("<name>Tree</name>", ""), "object 1: name: missing"),
        (("<xmax>10</xmax>", ""), "object 1: bndbox/xmax: expected a number, got None"),
        (("<xmin>1<", "<xmin>nan<"), "object 1: bndbox/xmin: expected a number, got 'nan'"),
    ],
)
def test_fields_that_are_missing_or_wrong_are_named(make_voc, changed, said):
    path = make_voc(voc_object())
    path.write_text(path.read_text().replace(*changed))
    assert said in fault_of(path)


def test_all_faults_are_named_at_once(make_voc):
    text = fault_of(make_voc(*[voc_object((1, 1, 1, 1))] * 25))
    assert "25 faults" in text
    assert "and 5 more" in text


@pytest.mark.parametrize("content", [b"", b"hello", b"<annotation><filename>a", b"\xff\xfe"])
def test_what_is_not_xml_is_named(tmp_path, content):
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    assert "a.xml: not XML, or truncated" in fault_of(path)


def test_other_xml_is_named(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<html/>")
    assert "expected a VOC <annotation>, got <html>" in fault_of(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"a\.xml: no such annotation file"):
        read_voc_xml(tmp_path / "a.xml")


def test_the_picture_beside_it_may_have_another_extension(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "b.png")
    assert find_picture(tmp_path / "b.xml", "b.tif") == tmp_path / "b.png"
    with pytest.raises(MissingFileError, match=r"no picture 'c\.tif' beside it"):
        find_picture(tmp_path / "b.xml", "c.tif")
