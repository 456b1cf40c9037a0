"""BDD100K JSON: both shapes, names as its own tools read them, ignored regions, faults named."""

import json

import numpy as np
import pytest
from PIL import Image

from smnas.data.bdd100k import load_bdd100k
from smnas.data.bdd100k_names import CLASSES
from smnas.data.dataset import Category
from smnas.data.faults import KeptFaults
from smnas.errors import DataError, MissingFileError


@pytest.fixture
def write(tmp_path):
    def write(content, name="det_train.json"):
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path

    return write


def fault_of(path, **options) -> str:
    with pytest.raises(DataError) as caught:
        load_bdd100k(path, **options)
    return str(caught.value)


CONFIG = {
    "imageSize": {"width": 64, "height": 48},
    "categories": [
        {"name": "human", "subcategories": [{"name": "pedestrian"}, {"name": "rider"}]},
        {"name": "car"},
        {"name": "bike", "subcategories": [{"name": "motorcycle"}, {"name": "bicycle"}]},
        {"name": "traffic light"},
    ],
}


class TestGoodFiles:
    def test_a_list_of_frames_has_the_ten_classes(self, write, bdd_frames):
        dataset = load_bdd100k(write(bdd_frames))
        assert [(item.id, item.name) for item in dataset.categories] == [*enumerate(CLASSES, 1)]
        assert len(dataset) == 3
        assert dataset.picture_id(0) == "a.jpg"
        assert dataset.picture_id(1) == "b.jpg"
        assert dataset.picture_size(0) == (64, 48)
        assert len(dataset.annotations(1)) == 0

    def test_corners_are_inclusive_and_labels_without_box_left_out(self, write, bdd_frames):
        found = load_bdd100k(write(bdd_frames)).annotations(0)
        expected = [[3.5, 4, 23, 31], [0, 0, 64, 48], [40, 10, 51, 21], [5, 5, 10, 20]]
        np.testing.assert_array_equal(found.boxes_xyxy, expected)

    def test_names_are_read_as_the_formats_own_tools_do(self, write, bdd_frames):
        dataset = load_bdd100k(write(bdd_frames))
        found = dataset.annotations(0)
        names = [dataset.categories[label].name for label in found.labels]
        assert names == ["car", "bicycle", "car", "pedestrian"]
        assert found.ignore.tolist() == [False, False, True, True]
        assert found.regions.tolist() == found.ignore.tolist()
        assert dataset.table.notes == (
            "As BDD100K's own tools do it: 1 'bike' are read as 'bicycle'; 1 'person' are read as "
            "'pedestrian'; 1 'other vehicle' are ignored regions of 'car'.",
        )

    def test_an_object_with_a_config_has_its_classes_and_size(self, write, bdd_frames):
        dataset = load_bdd100k(write({"frames": bdd_frames, "groups": None, "config": CONFIG}))
        names = ["pedestrian", "rider", "car", "motorcycle", "bicycle", "traffic light"]
        assert [(item.id, item.name) for item in dataset.categories] == [*enumerate(names, 1)]
        assert dataset.annotations(0).labels.tolist() == [2, 4, 2, 0]

    def test_an_object_without_config_has_the_ten(self, write, bdd_frames):
        dataset = load_bdd100k(write({"frames": bdd_frames, "config": None}))
        assert len(dataset.categories) == 10

    def test_a_class_of_the_file_is_not_renamed(self, write, bdd_frames):
        config = {"categories": [{"name": n} for n in ("car", "bike", "person", "traffic light")]}
        dataset = load_bdd100k(write({"frames": bdd_frames, "config": config}))
        assert dataset.annotations(0).labels.tolist() == [0, 1, 0, 2]

    @pytest.mark.parametrize("folder", ["images/100k/train", "images", "labels/det_20"])
    def test_pictures_are_found_where_the_published_data_has_them(
        self, write, bdd_frames, tmp_path, folder
    ):
        (tmp_path / "images").rename(tmp_path / "aside")
        (tmp_path / folder).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "aside").rename(tmp_path / folder)
        (tmp_path / "labels/det_20").mkdir(parents=True, exist_ok=True)
        path = write(bdd_frames, "labels/det_20/det_train.json")
        picture, found = load_bdd100k(path).read(0)
        assert picture.shape == (48, 64, 3)
        assert len(found) == 4

    def test_pictures_of_films_lie_in_their_folders(self, write, bdd_frames, tmp_path):
        (tmp_path / "images/a").mkdir()
        (tmp_path / "images/a.jpg").rename(tmp_path / "images/a/a.jpg")
        assert load_bdd100k(write(bdd_frames[:1])).picture_file(0).parts[-2:] == ("a", "a.jpg")

    def test_names_that_films_share_are_told_apart(self, write, bdd_frames, tmp_path):
        for film in ("a", "b"):
            (tmp_path / f"images/{film}").mkdir()
            Image.new("RGB", (64, 48)).save(tmp_path / f"images/{film}/a.jpg")
        dataset = load_bdd100k(write([bdd_frames[0], {"name": "a.jpg", "videoName": "b"}]))
        assert [dataset.picture_id(i) for i in range(2)] == ["a/a.jpg", "b/a.jpg"]

    def test_the_categories_of_other_data_are_kept_when_they_are_known(self, write, bdd_frames):
        known = (Category(1, "bicycle"), Category(5, "car"), Category(9, "pedestrian"))
        text = fault_of(write(bdd_frames[:1]), known=known)
        assert "names: the categories of the training pictures: no 'bus', " in text

    def test_a_list_of_frames_has_the_classes_of_the_file_beside_it(self, write, bdd_frames):
        frames = [{**bdd_frames[2], "labels": [{**bdd_frames[2]["labels"][0], "category": "Süd"}]}]
        write([{"id": 4, "name": "Süd"}, {"id": 9, "name": "b"}], "categories.json")
        dataset = load_bdd100k(write(frames))
        assert dataset.categories == (Category(4, "Süd"), Category(9, "b"))
        assert dataset.annotations(0).labels.tolist() == [0]
        frames[0]["labels"][0]["category"] = "car"
        assert "category: 'car' is none of 'Süd', 'b'" in fault_of(write(frames))


class TestFaults:
    def test_are_named_by_frame_and_label(self, write, bdd_frames):
        bdd_frames[0]["labels"][0]["category"] = "lion"
        box = {"x1": 9, "y1": 1, "x2": 5, "y2": 4}
        bdd_frames[2]["labels"].append({"category": "bus", "box2d": box})
        bdd_frames.append(dict(bdd_frames[1]))
        text = fault_of(write(bdd_frames))
        assert "frame 'a.jpg'.labels[0].category: 'lion' is none of 'pedestrian', " in text
        assert "frame 'b.jpg'.name: is there more than once" in text
        bdd_frames[0]["labels"][0]["category"] = "car"
        text = fault_of(write(bdd_frames[:3]))
        assert "frame 'c.jpg'.labels[1].box2d: expected a width and height above 0, got" in text

    @pytest.mark.parametrize("shape", [list, dict])
    def test_wrong_fields_are_named(self, write, bdd_frames, shape):
        bdd_frames[0]["labels"][0]["box2d"]["x1"] = "left"
        del bdd_frames[2]["name"]
        content = bdd_frames if shape is list else {"frames": bdd_frames}
        start = "" if shape is list else "frames"
        text = fault_of(write(content))
        assert f"{start}[0].labels[0].box2d.x1: should be a valid number" in text
        assert f"{start}[2].name: missing" in text
        assert "expected BDD100K JSON" in text

    def test_what_is_sound_can_be_had_beside_the_faults(self, write, bdd_frames):
        del bdd_frames[1]["name"]
        bdd_frames[0]["labels"][0]["category"] = "lion"
        path = write(bdd_frames)
        faults = KeptFaults(path)
        dataset = load_bdd100k(path, faults=faults)
        assert [len(dataset.annotations(i)) for i in range(len(dataset))] == [3, 1]
        assert len([text for noted in faults.noted for text in noted.texts]) == 2

    def test_a_missing_picture_is_named(self, write, bdd_frames, tmp_path):
        (tmp_path / "images/c.jpg").unlink()
        assert "c.jpg: no such picture file" in fault_of(write(bdd_frames))
        text = fault_of(write({"frames": bdd_frames, "config": CONFIG}))
        assert "frame 'c.jpg'.name: no picture 'c.jpg'" in text

    @pytest.mark.parametrize("text", ["", "[", "[3]", "{}", '{"frames": 3}', "[]"])
    def test_other_content_is_told_what_was_expected(self, tmp_path, text):
        path = tmp_path / "a.json"
        path.write_text(text)
        assert "expected BDD100K JSON: a list of frames" in fault_of(path)

    def test_no_such_file(self, tmp_path):
        with pytest.raises(MissingFileError, match="no such annotation file"):
            load_bdd100k(tmp_path / "gone.json")
