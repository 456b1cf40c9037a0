"""Conversion: what comes back through another format is what was there, and losses are counted."""

import json
import os
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from PIL import Image

from smnas.data.bdd100k import load_bdd100k
from smnas.data.coco import load_coco
from smnas.data.convert import BOXES_ONLY, WRITERS, convert
from smnas.data.formats import open_source
from smnas.data.trees import load_trees
from smnas.data.voc_folder import load_voc
from smnas.data.yolo import load_yolo
from smnas.errors import ConfigError, DataError

SOURCE_OF = {"coco": "train.json", "voc": ".", "bdd100k": "train.json", "yolo": "data.yaml"}


def written(datasets, out, form, **options):
    """Write, and read again."""
    done = convert(datasets, out, form, **options)
    return done, open_source(out / SOURCE_OF[form])


def told(dataset, index):
    """What a data set says of a picture, whatever the format; its boxes in any order."""
    found = dataset.annotations(index)
    difficult = np.zeros(len(found), bool) if found.difficult is None else found.difficult
    categories = [dataset.categories[label] for label in found.labels]
    rows = zip(found.boxes_xyxy.tolist(), categories, found.ignore, difficult, strict=True)
    return sorted((box, item.id, item.name, bool(i), bool(d)) for box, item, i, d in rows)


def same(one, other, losing_ignored=False) -> bool:
    """Whether two data sets show the same pictures with the same objects."""
    assert len(one) == len(other)
    assert one.categories == other.categories
    for index in range(len(one)):
        assert one.picture_size(index) == other.picture_size(index)
        np.testing.assert_array_equal(one.read(index)[0], other.read(index)[0])
        expected = told(one, index)
        if losing_ignored:
            expected = [row for row in expected if not row[3]]
        assert told(other, index) == expected
    return True


@pytest.fixture
def coco(make_coco, coco_content):
    """Random boxes, some of them crowds, some sticking out; one class without any object."""
    rng = np.random.default_rng(3)
    coco_content["categories"].append({"id": 90, "name": "a & b <c>"})
    coco_content["annotations"] += [
        {
            "id": 200 + n,
            "image_id": 10 + int(rng.integers(6)),
            "category_id": (7, 3)[n % 2],
            "bbox": [*rng.uniform(-5, 50, 2).round(n % 5), *rng.uniform(5, 30, 2).round(2)],
            "iscrowd": int(n % 7 == 0),
        }
        for n in range(60)
    ]
    kept = [a for a in coco_content["annotations"] if a["bbox"][0] < 60 and a["bbox"][1] < 44]
    coco_content["annotations"] = kept
    return load_coco(make_coco())


class TestThereAndBack:
    @pytest.mark.parametrize("form", WRITERS)
    def test_coco_comes_back_through_any_format(self, coco, tmp_path, form):
        done, there = written({"train": coco}, tmp_path / form, form)
        assert same(coco, there["train"], losing_ignored=form == "yolo")
        _, back = written({"train": there["train"]}, tmp_path / "back", "coco")
        assert same(there["train"], back["train"])
        assert done.pictures == {"train": 6}
        assert done.notes[-1] == BOXES_ONLY

    def test_coco_written_as_coco_is_the_same_data(self, coco, tmp_path):
        _, there = written({"train": coco}, tmp_path / "out", "coco")
        assert there["train"].data_id == coco.data_id

    def test_voc_through_coco_is_the_same_data(self, voc_folder, tmp_path):
        voc = load_voc(voc_folder)
        convert(voc, tmp_path / "coco", "coco")
        parts = {name: load_coco(tmp_path / f"coco/{name}.json") for name in voc}
        _, back = written(parts, tmp_path / "VOC", "voc")
        assert {name: part.data_id for name, part in back.items()} == {
            name: part.data_id for name, part in voc.items()
        }
        for file in (voc_folder / "ImageSets/Main").glob("[tv]*[nl].txt"):
            if file.stem != "trainval":
                assert (tmp_path / "VOC/ImageSets/Main" / file.name).read_text() == file.read_text()

    def test_bdd100k_through_coco_is_the_same_data(self, bdd_frames, tmp_path):
        path = tmp_path / "det_train.json"
        path.write_text(json.dumps(bdd_frames))
        bdd = load_bdd100k(path)
        _, there = written({"train": bdd}, tmp_path / "coco", "coco")
        _, back = written(there, tmp_path / "bdd", "bdd100k")
        assert back["train"].data_id == bdd.data_id
        assert not (tmp_path / "bdd/categories.json").exists()

    def test_yolo_through_coco_is_the_same_data(self, yolo_folder, tmp_path):
        yolo = load_yolo(yolo_folder / "data.yaml")
        convert(yolo, tmp_path / "coco", "coco")
        parts = {name: load_coco(tmp_path / f"coco/{name}.json") for name in yolo}
        assert parts["train"].categories == yolo["train"].categories
        _, back = written(parts, tmp_path / "back", "yolo")
        assert {name: part.data_id for name, part in back.items()} == {
            name: part.data_id for name, part in yolo.items()
        }

    @pytest.mark.parametrize("form", ["coco", "bdd100k"])
    def test_difficult_objects_come_back_where_others_have_none(self, voc_folder, tmp_path, form):
        voc = load_voc(voc_folder)
        done, there = written({"train": voc["val"]}, tmp_path / form, form)
        assert same(voc["val"], there["train"])
        assert "difficult objects: 1 are written as" in " ".join(done.notes)

    @pytest.mark.parametrize("form", WRITERS)
    def test_embedded_photographs_can_be_written(self, tmp_path, form):
        trees = load_trees().out_of_domain
        _, there = written({"train": trees}, tmp_path / form, form)
        if form == "coco":
            assert same(trees, there["train"])
        else:  # of tiles some objects are slivers, and YOLO has no ignored ones
            assert there["train"].categories == trees.categories
            picture = trees.read(0)[0]
            names = [there["train"].picture_file(i).stem for i in range(len(trees))]
            index = names.index(str(trees.picture_id(0)))
            np.testing.assert_array_equal(there["train"].read(index)[0], picture)


class TestWhatOtherToolsRead:
    """The files themselves, by the formats' published rules."""

    def test_coco_has_whole_ids_and_areas(self, voc_folder, tmp_path):
        convert(load_voc(voc_folder), tmp_path / "out", "coco")
        content = json.loads((tmp_path / "out/val.json").read_text())
        assert [item["id"] for item in content["images"]] == [1, 2]
        assert content["annotations"][-1] == {
            "id": 3,
            "image_id": 2,
            "category_id": 1,
            "bbox": [29.0, 9.0, 35.0, 39.0],
            "area": 1365.0,
            "iscrowd": 1,
            "difficult": 1,
        }

    def test_voc_corners_are_whole_where_they_can_be(self, voc_folder, tmp_path):
        convert(load_voc(voc_folder), tmp_path / "out", "voc")
        old = ElementTree.parse(voc_folder / "Annotations/2008_5.xml").getroot()
        new = ElementTree.parse(tmp_path / "out/Annotations/2008_5.xml").getroot()
        for field in ("filename", "size/width", "size/height", "object/name", "object/difficult"):
            assert [e.text for e in new.iterfind(field)] == [e.text for e in old.iterfind(field)]
        for corner in ("xmin", "ymin", "xmax", "ymax"):
            field = f"object/bndbox/{corner}"
            assert [e.text for e in new.iterfind(field)] == [e.text for e in old.iterfind(field)]

    def test_yolo_has_no_path_and_numbered_names(self, coco, tmp_path):
        convert({"train": coco, "val": coco}, tmp_path / "out", "yolo")
        content = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
        assert content == {
            "train": "images/train",
            "val": "images/val",
            "nc": 3,
            "names": {0: "dog", 1: "cat", 2: "a & b <c>"},
        }
        for line in (tmp_path / "out/labels/train/picture_0.txt").read_text().splitlines():
            number, *places = line.split()
            assert int(number) in range(3)
            assert all(0.0 <= float(place) <= 1.0 for place in places)
            assert len(places) == 4

    def test_bdd100k_has_frames_and_config(self, coco, tmp_path):
        convert({"train": coco}, tmp_path / "out", "bdd100k")
        content = json.loads((tmp_path / "out/train.json").read_text())
        assert content["config"]["categories"] == [
            {"name": "dog"},
            {"name": "cat"},
            {"name": "a & b <c>"},
        ]
        frame = content["frames"][0]
        assert (frame["name"], frame["size"]) == ("picture_0.jpg", {"width": 64, "height": 48})
        first = min(frame["labels"], key=lambda label: int(label["id"]))
        assert first["box2d"] == {"x1": 4.0, "y1": 5.0, "x2": 23.0, "y2": 20.0}
        assert first["attributes"] == {"crowd": False, "ignored": False}


class TestLosses:
    def test_are_counted(self, make_coco, coco_content, tmp_path):
        changes = (
            (0, {"iscrowd": 1}),
            (1, {"bbox": [5, 5, 0.5, 9]}),
            (2, {"bbox": [50, 5, 30, 9]}),
        )
        for row, change in changes:
            coco_content["annotations"][row].update(change)
        dataset = load_coco(make_coco())
        done, there = written({"train": dataset}, tmp_path / "voc", "voc")
        notes = " ".join(done.notes)
        assert "no crowds: 1 are written as difficult" in notes
        assert "1 boxes of at most one pixel are left out" in notes
        assert "1 are clipped" in notes
        assert [len(there["train"].annotations(i)) for i in range(6)] == [1, 0, 1, 1, 1, 1]
        done, _ = written({"train": dataset}, tmp_path / "yolo", "yolo")
        assert "1 crowds, difficult or ignored boxes are left out" in " ".join(done.notes)

    def test_ids_that_the_names_give_need_no_file(self, voc_folder, tmp_path):
        convert(load_voc(voc_folder), tmp_path / "out", "voc")
        assert not (tmp_path / "out/categories.json").exists()


class TestPictures:
    def test_are_linked_or_copied(self, coco, tmp_path):
        convert({"train": coco}, tmp_path / "linked", "coco")
        convert({"train": coco}, tmp_path / "copied", "coco", copy=True)
        source = coco.picture_file(0)
        assert os.path.samefile(tmp_path / "linked/images/picture_0.jpg", source)
        copied = tmp_path / "copied/images/picture_0.jpg"
        assert not os.path.samefile(copied, source)
        assert copied.read_bytes() == source.read_bytes()

    def test_of_one_name_in_two_splits_are_kept_apart(self, make_coco, coco_content, tmp_path):
        parts = {name: load_coco(make_coco(name=f"{name}/my.json")) for name in ("train", "val")}
        Image.new("RGB", (64, 48)).save(parts["val"].picture_file(0))
        parts["val"] = load_coco(tmp_path / "val/my.json")
        convert(parts, tmp_path / "out", "coco")
        for name, part in parts.items():
            assert same(part, load_coco(tmp_path / f"out/{name}.json"))

    @pytest.mark.parametrize("form", ["voc", "yolo"])
    def test_that_differ_in_their_extension_only_are_an_error(
        self, make_coco, coco_content, tmp_path, form
    ):
        coco_content["images"][1]["file_name"] = "picture_0.png"
        with pytest.raises(DataError, match=r"'picture_0\.jpg' and 'picture_0\.png' differ in"):
            convert({"train": load_coco(make_coco())}, tmp_path / "out", form)
        assert not (tmp_path / "out").exists()
        assert not list(tmp_path.glob("out.*"))

    def test_never_leave_the_folder(self, make_coco, coco_content, tmp_path):
        coco_content["images"][0]["file_name"] = "../images/picture_0.jpg"
        coco_content["images"][1]["file_name"] = str(tmp_path / "images/picture_1.jpg")
        dataset = load_coco(make_coco())
        _, there = written({"train": dataset}, tmp_path / "out", "coco")
        assert there["train"].picture_file(0) == tmp_path / "out/images/picture_0.jpg"
        assert there["train"].picture_file(1) == tmp_path / "out/images/picture_1.jpg"


class TestWrongCalls:
    def test_an_unknown_format(self, coco, tmp_path):
        with pytest.raises(ConfigError, match="--to 'yol': expected a format; did you mean 'yolo'"):
            convert({"train": coco}, tmp_path / "out", "yol")

    def test_a_folder_with_something_in_it(self, coco, tmp_path):
        with pytest.raises(ConfigError, match="is there and not empty"):
            convert({"train": coco}, tmp_path, "yolo")

    def test_a_place_where_no_folder_can_be(self, coco, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match=r"file/out: no folder can be made there: "):
            convert({"train": coco}, tmp_path / "file/out", "coco")
