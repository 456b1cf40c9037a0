"""COCO files: what is read from good ones, and what is said about every kind of bad one."""

import json
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from smnas.data.coco import load_coco
from smnas.data.faults import KeptFaults
from smnas.errors import DataError, MissingFileError


def fault_of(path, **options) -> str:
    with pytest.raises(DataError) as caught:
        load_coco(path, **options)
    return str(caught.value)


class TestGoodFiles:
    def test_agrees_with_pycocotools(self, make_coco, coco_content):
        coco_content["annotations"].append(
            {"id": 1, "image_id": 10, "category_id": 3, "bbox": [1.5, 2.5, 30, 20.25], "iscrowd": 1}
        )
        path = make_coco()
        dataset = load_coco(path)
        with redirect_stdout(StringIO()):
            oracle = COCO(str(path))
        assert len(dataset) == len(oracle.imgs)
        for index in range(len(dataset)):
            rows = oracle.imgToAnns[dataset.picture_id(index)]
            found = dataset.annotations(index)
            boxes = np.array([row["bbox"] for row in rows])
            boxes[:, 2:] += boxes[:, :2]
            np.testing.assert_array_equal(found.boxes_xyxy, boxes.astype(np.float32))
            ids = [dataset.categories[label].id for label in found.labels]
            assert ids == [row["category_id"] for row in rows]
            assert found.ignore.tolist() == [bool(row["iscrowd"]) for row in rows]

    def test_category_ids_are_kept_and_ordered(self, make_coco):
        dataset = load_coco(make_coco())
        assert [(item.id, item.name) for item in dataset.categories] == [(3, "dog"), (7, "cat")]
        assert dataset.annotations(0).labels.tolist() == [1]

    def test_pictures_are_read_with_their_boxes(self, make_coco):
        picture, found = load_coco(make_coco()).read(2)
        assert picture.shape == (48, 64, 3)
        np.testing.assert_array_equal(found.boxes_xyxy, [[6, 5, 26, 21]])

    def test_a_picture_without_objects_is_kept(self, make_coco, coco_content):
        del coco_content["annotations"][3]
        dataset = load_coco(make_coco())
        assert len(dataset) == 6
        found = dataset.annotations(3)
        assert (found.boxes_xyxy.shape, len(found)) == ((0, 4), 0)

    def test_a_box_that_sticks_out_is_clipped(self, make_coco, coco_content):
        coco_content["annotations"][0]["bbox"] = [-10, 30, 100, 100]
        dataset = load_coco(make_coco())
        np.testing.assert_array_equal(dataset.annotations(0).boxes_xyxy, [[0, 30, 64, 48]])

    def test_ids_may_be_text_and_annotations_without_id(self, make_coco, coco_content):
        for image, item in zip(coco_content["images"], coco_content["annotations"], strict=True):
            image["id"] = item["image_id"] = f"p{image['id']}"
            del item["id"], item["iscrowd"]
        dataset = load_coco(make_coco())
        assert dataset.picture_id(1) == "p11"
        assert len(dataset.annotations(1)) == 1

    def test_one_picture_is_enough(self, make_coco, coco_content):
        coco_content["images"] = coco_content["images"][:1]
        coco_content["annotations"] = coco_content["annotations"][:1]
        assert len(load_coco(make_coco())) == 1

    def test_a_byte_order_mark_is_forgiven(self, make_coco):
        path = make_coco()
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert len(load_coco(path)) == 6


class TestFolderOfPictures:
    def test_is_found_beside_the_folder_of_the_file(self, make_coco, tmp_path):
        path = make_coco(name="annotations/my.json")
        (tmp_path / "annotations" / "images").rename(tmp_path / "images")
        assert load_coco(path).picture_file(0) == tmp_path / "images" / "picture_0.jpg"

    def test_is_found_in_the_further_place_first(self, make_coco, tmp_path):
        path = make_coco()
        (tmp_path / "images").rename(tmp_path / "elsewhere")
        dataset = load_coco(path, look_in=tmp_path / "elsewhere")
        assert dataset.read(0)[0].shape == (48, 64, 3)

    def test_that_is_nowhere_is_an_error_that_says_where_it_looked(self, make_coco, tmp_path):
        text = fault_of(make_coco(pictures=False))
        assert "images[0].file_name: no 'picture_0.jpg' in" in text
        assert str(tmp_path / "images") in text
        assert "--images" in text

    def test_that_does_not_exist_is_named(self, make_coco, tmp_path):
        with pytest.raises(MissingFileError, match="gone: no such folder of pictures"):
            load_coco(make_coco(), images=tmp_path / "gone")

    def test_without_some_pictures_names_them(self, make_coco, tmp_path):
        path = make_coco()
        (tmp_path / "images" / "picture_4.jpg").unlink()
        text = fault_of(path)
        assert "my.json: 1 fault" in text
        assert "images[4].file_name: no picture 'picture_4.jpg'" in text
        assert "--images" in text


class TestBrokenFiles:
    def test_no_such_file(self, tmp_path):
        with pytest.raises(MissingFileError, match=r"gone\.json: no such annotation file"):
            load_coco(tmp_path / "gone.json")

    @pytest.mark.parametrize("text", ["", "hello", "\x00\xff"])
    def test_not_json(self, tmp_path, text):
        path = tmp_path / "my.json"
        path.write_text(text)
        assert "my.json: 1 fault\n  Invalid JSON" in fault_of(path)

    def test_truncated_json_says_where_it_ends(self, make_coco):
        path = make_coco()
        path.write_bytes(path.read_bytes()[:200])
        assert "Invalid JSON: EOF while parsing" in fault_of(path)
        assert "column 200" in fault_of(path)

    @pytest.mark.parametrize("content", [[], {}, 3, {"frames": []}])
    def test_other_json_is_told_what_was_expected(self, tmp_path, content):
        path = tmp_path / "my.json"
        path.write_text(json.dumps(content))
        assert "expected COCO JSON: images, annotations and categories" in fault_of(path)

    @pytest.mark.parametrize(
        ("section", "key"),
        [
            ("images", "id"),
            ("images", "file_name"),
            ("images", "width"),
            ("images", "height"),
            ("annotations", "image_id"),
            ("annotations", "category_id"),
            ("annotations", "bbox"),
            ("categories", "id"),
            ("categories", "name"),
        ],
    )
    def test_a_missing_key_is_named(self, make_coco, coco_content, section, key):
        del coco_content[section][1][key]
        assert f"{section}[1].{key}: missing" in fault_of(make_coco(pictures=False))

    @pytest.mark.parametrize(
        ("section", "key", "value", "said"),
        [
            ("images", "width", 0, "images[0].width: should be greater than or equal to 1, got 0"),
            ("images", "width", "wide", "images[0].width: should be a valid integer"),
            (
                "images",
                "file_name",
                None,
                "images[0].file_name: should be a valid string, got None",
            ),
            ("annotations", "bbox", None, "annotations[0].bbox: should be a valid array, got None"),
            ("annotations", "bbox", [1, 2, 3], "annotations[0].bbox[3]: missing"),
            (
                "annotations",
                "bbox",
                [1, 2, "x", 4],
                "annotations[0].bbox[2]: should be a valid num",
            ),
            ("annotations", "image_id", 99, "annotations[0] (id 100).image_id: no image 99"),
            (
                "annotations",
                "category_id",
                1,
                "annotations[0] (id 100).category_id: no category 1; categories has 3, 7",
            ),
            ("annotations", "id", 101, "annotations: id 101 is there 2 times; expected once"),
            ("images", "id", 11, "images: id 11 is there 2 times; expected once"),
            (
                "images",
                "file_name",
                "picture_1.jpg",
                "images: file_name 'picture_1.jpg' is there 2",
            ),
            ("categories", "id", 3, "categories: id 3 is there 2 times; expected once"),
            ("categories", "name", "dog", "categories: name 'dog' is there 2 times; expected once"),
        ],
    )
    def test_a_wrong_value_is_named(self, make_coco, coco_content, section, key, value, said):
        coco_content[section][0][key] = value
        assert said in fault_of(make_coco(pictures=False))

    @pytest.mark.parametrize(
        ("bbox", "said"),
        [
            ([5, 5, 0, 10], "expected a width and height above 0, got [5.0, 5.0, 0.0, 10.0]"),
            ([5, 5, 10, -3], "expected a width and height above 0"),
            ([float("nan"), 5, 10, 10], "expected four finite numbers, got [nan, 5.0"),
            ([5, 5, float("inf"), 10], "expected four finite numbers"),
            ([64, 5, 10, 10], "expected a box that covers some of the picture"),
            ([-30, 5, 30, 10], "in a picture of 64 x 48"),
            ([5, 48.5, 10, 10], "expected a box that covers some of the picture"),
            ([50, 5, 1e-9, 10], "expected a box that covers some of the picture"),
        ],
    )
    def test_a_box_that_cannot_be_meant_is_named_by_its_annotation(
        self, make_coco, coco_content, bbox, said
    ):
        coco_content["annotations"][2]["bbox"] = bbox
        text = fault_of(make_coco())
        assert "annotations[2] (id 102).bbox: " in text
        assert said in text

    @pytest.mark.parametrize("section", ["images", "annotations", "categories"])
    def test_nothing_in_it(self, make_coco, coco_content, section):
        coco_content[section] = []
        assert f"{section}: empty" in fault_of(make_coco(pictures=False))

    def test_nothing_but_crowds(self, make_coco, coco_content):
        for item in coco_content["annotations"]:
            item["iscrowd"] = 1
        assert "annotations: all are crowds" in fault_of(make_coco())

    def test_of_many_faults_the_first_are_shown_and_the_rest_counted(self, make_coco, coco_content):
        item = coco_content["annotations"][0]
        coco_content["annotations"] = [
            {**item, "id": number, "bbox": [0, 0, 0, 0]} for number in range(33)
        ]
        lines = fault_of(make_coco()).splitlines()
        assert lines[0].endswith("my.json: 33 faults")
        assert sum("bbox" in line for line in lines) == 20
        assert lines[-2].strip() == "and 13 more"


class TestPicturesThatDisagree:
    def test_a_size_on_disk_that_is_not_the_files(self, make_coco, coco_content, tmp_path):
        dataset = load_coco(make_coco())
        Image.new("RGB", (50, 40)).save(tmp_path / "images" / "picture_0.jpg")
        with pytest.raises(DataError, match=r"picture_0\.jpg: the picture is 50 x 40 .* width 64"):
            dataset.read(0)
        Image.new("RGB", (48, 64)).save(tmp_path / "images" / "picture_0.jpg")
        with pytest.raises(DataError, match="EXIF orientation"):
            dataset.read(0)

    def test_a_broken_picture_is_named_when_it_is_read(self, make_coco, tmp_path):
        dataset = load_coco(make_coco())
        file = tmp_path / "images" / "picture_0.jpg"
        file.write_bytes(file.read_bytes()[:300])
        with pytest.raises(DataError, match=r"picture_0\.jpg: the picture cannot be read"):
            dataset.read(0)


class TestDataId:
    def test_is_the_same_for_the_same_data_elsewhere(self, make_coco):
        first = load_coco(make_coco(name="a/my.json")).data_id
        assert load_coco(make_coco(name="b/other.json")).data_id == first

    @pytest.mark.parametrize(
        ("section", "key", "value"),
        [
            ("annotations", "bbox", [4, 5, 20, 17]),
            ("annotations", "category_id", 3),
            ("annotations", "iscrowd", 1),
            ("images", "file_name", "other.jpg"),
            ("categories", "name", "lion"),
        ],
    )
    def test_changes_with_what_the_file_says(self, make_coco, coco_content, section, key, value):
        first = load_coco(make_coco(name="a/my.json")).data_id
        coco_content[section][0][key] = value
        assert load_coco(make_coco(name="b/my.json")).data_id != first

    def test_changes_with_the_pictures(self, make_coco, tmp_path):
        path = make_coco()
        first = load_coco(path).data_id
        Image.new("RGB", (64, 48)).save(tmp_path / "images" / "picture_0.jpg")
        assert load_coco(path).data_id != first


class TestKeptFaults:
    """With kept faults the same reader goes on with what is sound."""

    def read(self, path):
        faults = KeptFaults(path)
        return load_coco(path, faults=faults), [
            text for item in faults.noted for text in item.texts
        ]

    def test_of_a_sound_file_are_none(self, make_coco):
        path = make_coco()
        dataset, noted = self.read(path)
        assert noted == []
        assert dataset.data_id == load_coco(path).data_id

    def test_leave_out_what_is_faulty_and_name_it_all(self, make_coco, coco_content, tmp_path):
        annotations = coco_content["annotations"]
        annotations[0]["bbox"] = [1, 2, "wide", 3]
        annotations[1]["image_id"] = 77
        annotations[2]["category_id"] = 99
        annotations[3]["bbox"] = [4, 5, 0, 16]
        path = make_coco()
        (tmp_path / "images" / "picture_4.jpg").unlink()
        dataset, noted = self.read(path)
        assert [dataset.picture_id(i) for i in range(len(dataset))] == [10, 11, 12, 13, 15]
        assert [len(dataset.annotations(i)) for i in range(len(dataset))] == [0, 0, 0, 0, 1]
        assert dataset.annotations(4).boxes_xyxy.tolist() == [[9, 5, 29, 21]]
        told = "\n".join(noted)
        for place in (
            "annotations[0].bbox[2]",
            "image_id: no image 77",
            "no category 99",
            "(id 103).bbox: expected a width",
            "no picture 'picture_4.jpg'",
        ):
            assert place in told
        assert len(noted) == 5
        with pytest.raises(DataError, match=r"annotations\[0\]\.bbox\[2\]"):
            load_coco(path)

    def test_of_doubles_the_first_stays(self, make_coco, coco_content):
        images, annotations = coco_content["images"], coco_content["annotations"]
        images[1]["id"] = images[0]["id"]
        images[3]["file_name"] = images[2]["file_name"]
        annotations[5]["id"] = annotations[4]["id"]
        dataset, noted = self.read(make_coco())
        assert [dataset.picture_id(i) for i in range(len(dataset))] == [10, 12, 14, 15]
        assert [len(dataset.annotations(i)) for i in range(len(dataset))] == [1, 1, 1, 0]
        assert sum("is there 2 times" in text for text in noted) == 3

    def test_where_nothing_sound_is_left_the_reader_gives_up(self, make_coco, coco_content):
        for item in coco_content["annotations"]:
            item["bbox"] = [0, 0, 0, 0]
        with pytest.raises(DataError, match="6 faults"):
            self.read(make_coco())


@pytest.mark.parametrize(
    ("key", "value"),
    [("file_name", "x" * 5000), ("file_name", "a\0b"), ("file_name", "."), ("width", 10**30)],
)
def test_values_that_no_picture_has_are_told_in_words(make_coco, coco_content, key, value):
    path = make_coco()
    coco_content["images"][2][key] = value
    path.write_text(json.dumps(coco_content))
    with pytest.raises(DataError, match=rf"images\[2\]\.{key}"):
        load_coco(path)
