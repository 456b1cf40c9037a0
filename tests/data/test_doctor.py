"""The doctor: every fault that is put into a sound data set is found, and nothing else."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from smnas.data.doctor import examine
from smnas.data.sources import DataSpec
from smnas.data.trees import load_trees
from smnas.errors import ConfigError, MissingFileError

SIDE = 160


@dataclass
class Patient:
    """A COCO data set that can be spoilt before it is examined."""

    folder: object
    content: dict
    pictures: list

    def write(self, name="train"):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(self.content))
        return str(path)

    def picture(self, row):
        return self.folder / self.content["images"][row]["file_name"]

    def annotate(self, row, bbox, category=1, **more):
        number = len(self.content["annotations"]) + 1
        self.content["annotations"].append(
            {"id": number, "image_id": row, "category_id": category, "bbox": bbox, **more}
        )

    def save(self, row, image, **options):
        image.save(self.picture(row), **options)


@pytest.fixture(scope="module")
def tiles():
    trees = load_trees()
    val = [trees.val.read(index)[0] for index in range(0, 50, 4)]
    return [
        Image.fromarray(tile) for tile in val + [trees.test.read(i)[0] for i in range(0, 42, 4)]
    ]


@pytest.fixture
def patient(tmp_path, tiles):
    """Twelve photographs with 40 objects of each of two classes: sound."""
    content = {"images": [], "annotations": []}
    content["categories"] = [{"id": 1, "name": "oak"}, {"id": 2, "name": "elm"}]
    found = Patient(tmp_path, content, tiles)
    for row, image in enumerate(tiles[:12]):
        name = f"{row}.jpg"
        content["images"].append({"id": row, "file_name": name, "width": SIDE, "height": SIDE})
        image.save(tmp_path / name, quality=90)
        for place in range(7):
            found.annotate(row, [20 * place, 10 + place, 15, 25 + row], 1 + place % 2)
    return found


def checks_of(path, **more):
    diagnosis = examine(DataSpec(source=path, **more))
    return {item.check: item for item in diagnosis.findings}, diagnosis


SPLIT_NOTES = {"class-nearly-empty"}
"""Said of any set as small as this one, once it is split."""


def found_in(patient, **more):
    found, _ = checks_of(patient.write(), **more)
    return {check: item for check, item in found.items() if check not in SPLIT_NOTES}


def test_a_sound_set_is_sound(patient):
    assert found_in(patient) == {}


def test_the_splits_are_those_of_a_search(patient):
    _, diagnosis = checks_of(patient.write())
    assert [len(diagnosis.splits.train), len(diagnosis.splits.val)] == [8, 2]


def test_embedded_data_need_no_files():
    diagnosis = examine(DataSpec(source="trees"))
    assert diagnosis.findings == ()
    assert len(diagnosis.splits.val) == 50


class TestPictures:
    def test_that_cannot_be_read_are_errors_and_all_named(self, patient):
        data = patient.picture(1).read_bytes()
        patient.picture(1).write_bytes(data[: len(data) // 2])
        patient.picture(2).write_text("no picture")
        patient.picture(3).write_bytes(b"")
        found = found_in(patient)
        assert set(found) == {"picture-unreadable"}
        assert found["picture-unreadable"].severity == "error"
        told = found["picture-unreadable"].places
        assert len(told) == 3
        for row, cause in ((1, "truncated"), (2, "not a picture"), (3, "not a picture")):
            assert any(str(patient.picture(row)) in text and cause in text for text in told)

    def test_of_another_size_than_annotated(self, patient):
        patient.content["images"][4]["width"] = 170
        found = found_in(patient)
        assert set(found) == {"picture-size"}
        assert "160 x 160 pixels, annotated as 170 x 160" in found["picture-size"].places[0]

    @pytest.mark.parametrize(
        ("size", "said", "orientation", "check", "severity"),
        [
            ((160, 120), (160, 120), 6, "picture-turned", "error"),
            ((160, 120), (120, 160), 6, "picture-orientation", "note"),
            ((160, 120), (160, 120), 3, "picture-orientation", "warning"),
            ((120, 120), (120, 120), 6, "picture-orientation", "warning"),
            ((160, 120), (150, 120), 6, "picture-size", "error"),
        ],
    )
    def test_that_exif_turns(self, patient, size, said, orientation, check, severity):
        exif = Image.Exif()
        exif[0x0112] = orientation
        patient.save(0, patient.pictures[0].resize(size), exif=exif)
        patient.content["images"][0] |= {"width": said[0], "height": said[1]}
        patient.content["annotations"] = [
            item | {"bbox": [5, 5, 30, 20]} if item["image_id"] == 0 else item
            for item in patient.content["annotations"]
            if item["image_id"] or item["id"] == 1
        ]
        found = found_in(patient)
        assert {name: item.severity for name, item in found.items()} == {check: severity}

    def test_that_are_missing_leave_the_rest(self, patient):
        patient.picture(5).unlink()
        found = found_in(patient)
        assert set(found) == {"annotations"}
        assert "no picture '5.jpg'" in found["annotations"].places[0]


class TestBoxes:
    @pytest.mark.parametrize(
        ("bbox", "category", "check"),
        [
            ([0, 10, 15, 25], 1, "box-double"),
            ([0, 10, 15, 25], 2, "box-two-classes"),
            ([50, 50, 1, 1], 1, "box-tiny"),
            ([0, 0, 160, 160], 1, "box-whole-picture"),
            ([2, 2, 150, 4], 1, "box-long"),
            ([150, 20, 60, 30], 1, "box-outside"),
        ],
    )
    def test_that_are_strange_are_warned_of(self, patient, bbox, category, check):
        patient.annotate(0, bbox, category)
        found = found_in(patient)
        assert set(found) == {check}
        assert found[check].severity == "warning"
        assert len(found[check].places) == 1
        assert found[check].places[0].startswith(str(patient.picture(0)))

    def test_a_crowd_over_an_object_is_no_double(self, patient):
        patient.annotate(0, [0, 10, 15, 25], 1, iscrowd=1)
        assert found_in(patient) == {}

    @pytest.mark.parametrize(
        "bbox", [[5, 5, 0, 10], [5, 5, -3, 10], [200, 5, 10, 10], [5, 5, "a", 1], [1, 2, 3]]
    )
    def test_that_cannot_be_meant_are_errors(self, patient, bbox):
        patient.annotate(0, bbox)
        found = found_in(patient)
        assert set(found) == {"annotations"}
        assert found["annotations"].severity == "error"
        assert len(found["annotations"].places) in (1, 3)  # one for each wrong number

    def test_a_crowded_picture_is_noted(self, patient):
        for number in range(101):
            patient.annotate(0, [10 + number, 50, 20, 20 + number % 7])
        assert found_in(patient)["picture-crowded"].severity == "note"

    def test_many_empty_pictures_are_noted(self, patient):
        items = patient.content["annotations"]
        patient.content["annotations"] = [item for item in items if item["image_id"] < 4]
        assert "8 pictures of 12 without" in found_in(patient)["picture-empty"].message


class TestClasses:
    def test_that_are_unused(self, patient):
        patient.content["categories"].append({"id": 9, "name": "yew"})
        found = found_in(patient)
        assert found["class-unused"].places == ("yew: 0 in train, 0 in val, 0 in test",)

    def test_with_names_that_differ_in_spelling(self, patient):
        patient.content["categories"].append({"id": 9, "name": "Oak "})
        assert found_in(patient)["class-spelling"].places == ("'oak' and 'Oak '",)

    def test_nearly_empty_missing_and_out_of_balance(self, patient):
        patient.content["categories"].append({"id": 9, "name": "yew"})
        patient.annotate(0, [30, 90, 20, 30], 9)
        for number in range(150):
            patient.annotate(1 + number % 11, [2 + number % 70, 60 + number // 5, 30, 33], 1)
        found, _ = checks_of(patient.write())
        assert found["class-missing"].severity == "warning"
        assert found["class-missing"].places[0].startswith("yew: ")
        assert "yew: " in str(found["class-nearly-empty"].places)

    def test_a_class_that_nobody_knows_is_an_error(self, patient):
        patient.annotate(0, [30, 90, 20, 30], 77)
        assert "no category 77" in found_in(patient)["annotations"].places[0]


class TestLeaks:
    @pytest.fixture
    def val(self, patient, tiles, tmp_path):
        """A validation set of other photographs; returns it, its path still to be written."""
        content = json.loads(json.dumps(patient.content))
        found = Patient(tmp_path, content, tiles)
        for row, image in enumerate(content["images"]):
            image["file_name"] = f"val_{row}.jpg"
            tiles[12 + row % 12].transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
                tmp_path / image["file_name"]
            )
        return found

    def test_other_pictures_are_none(self, patient, val):
        assert found_in(patient, val=val.write("val")) == {}

    def test_the_same_file_under_another_name(self, patient, val):
        val.picture(3).write_bytes(patient.picture(7).read_bytes())
        found = found_in(patient, val=val.write("val"))
        assert {name: item.severity for name, item in found.items()} == {"leak": "error"}
        assert found["leak"].split == "train, val"
        assert "7.jpg" in found["leak"].places[0]
        assert "val_3.jpg" in found["leak"].places[0]

    def test_the_same_picture_smaller_and_encoded_anew(self, patient, val):
        val.content["images"][3] |= {"width": 80, "height": 80}
        val.content["annotations"] = [
            item for item in val.content["annotations"] if item["image_id"] != 3
        ]
        val.save(3, patient.pictures[7].resize((80, 80)), quality=50)
        found = found_in(patient, val=val.write("val"))
        assert {name: item.severity for name, item in found.items()} == {"leak-alike": "warning"}

    def test_within_a_split(self, patient):
        patient.picture(1).write_bytes(patient.picture(0).read_bytes())
        patient.save(3, patient.pictures[2], quality=40)
        found = found_in(patient)
        assert {name: item.severity for name, item in found.items()} == {
            "picture-double": "warning",
            "picture-alike": "note",
        }

    def test_splits_that_disagree_on_classes(self, patient, val):
        val.content["categories"][0]["name"] = "lion"
        found, diagnosis = checks_of(patient.write(), val=val.write("val"))
        assert "only there: 1 'oak'" in found["annotations"].message
        assert diagnosis.splits is None


class TestHopelessFiles:
    @pytest.mark.parametrize("text", ["", "[]", "{", '{"images": 3}', "<xml/>", "\x00\xff"])
    def test_are_told_in_one_finding(self, patient, text):
        path = patient.write()
        (patient.folder / "train.json").write_text(text)
        found, diagnosis = checks_of(path)
        assert set(found) == {"annotations"}
        assert found["annotations"].places
        assert diagnosis.splits is None

    def test_that_are_not_there_are_a_wrong_call(self, tmp_path):
        with pytest.raises(MissingFileError):
            examine(DataSpec(source=str(tmp_path / "gone.json")))
        with pytest.raises(ConfigError, match="did you mean 'trees'"):
            examine(DataSpec(source="tree"))


def test_progress_is_told_picture_by_picture(patient):
    told = []
    examine(
        DataSpec(source=patient.write()), progress=lambda done, total: told.append((done, total))
    )
    assert told == [(number, 12) for number in range(1, 13)]


def test_findings_come_gravest_first(patient):
    patient.annotate(0, [5, 5, 0, 10])
    patient.annotate(0, [50, 50, 1, 1])
    patient.save(3, patient.pictures[2], quality=40)
    findings = examine(DataSpec(source=patient.write())).findings
    severities = [item.severity for item in findings]
    assert severities == sorted(severities, key=("error", "warning", "note").index)
    assert {"error", "warning", "note"} == set(severities)
    assert all(item.advice and item.message and item.file for item in findings)
    assert np.all([item.split for item in findings])
