"""Bad COCO files: what is said about every kind of fault, and what is kept beside it."""

import json

import pytest

from smnas.data.coco import load_coco
from smnas.data.faults import KeptFaults
from smnas.errors import DataError, MissingFileError


def fault_of(path, **options) -> str:
    with pytest.raises(DataError) as caught:
        load_coco(path, **options)
    return str(caught.value)


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
            "annotations (id 101).image_id: no image 77",
            "annotations (id 102).category_id: no category 99",
            "annotations (id 103).bbox: expected a width",
            "images (id 14).file_name: no picture 'picture_4.jpg'",
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
