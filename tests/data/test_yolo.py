"""YOLO folders: splits of the YAML, labels beside pictures, outlines, and every fault named."""

import numpy as np
import pytest
from PIL import Image

from smnas.data.dataset import Category
from smnas.data.faults import KeptFaults
from smnas.data.yolo import find_yaml, load_yolo
from smnas.errors import DataError, MissingFileError


def load(folder, **options):
    return load_yolo(folder / "data.yaml", **options)


def fault_of(folder, **options) -> str:
    with pytest.raises(DataError) as caught:
        load(folder, **options)
    return str(caught.value)


def edit(folder, old, new):
    path = folder / "data.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


class TestGoodFolders:
    def test_boxes_are_scaled_by_the_size_of_the_picture(self, yolo_folder):
        splits = load(yolo_folder)
        assert {name: len(part) for name, part in splits.items()} == {"train": 3, "val": 1}
        found = splits["train"].annotations(0)
        np.testing.assert_array_equal(found.boxes_xyxy, [[24, 12, 40, 36], [0, 0, 16, 24]])
        assert found.labels.tolist() == [1, 0]
        assert splits["train"].categories == (Category(0, "cat"), Category(1, "dog"))
        assert splits["train"].picture_id(0) == "a.jpg"

    def test_a_picture_without_file_or_lines_shows_nothing(self, yolo_folder):
        train = load(yolo_folder)["train"]
        assert [len(train.annotations(index)) for index in range(3)] == [2, 0, 0]

    def test_names_may_be_numbered(self, yolo_folder):
        edit(yolo_folder, "[cat, dog]", "{1: dog, 0: cat}")
        assert [item.name for item in load(yolo_folder)["train"].categories] == ["cat", "dog"]

    def test_a_split_may_be_a_list_of_folders_or_a_file_of_pictures(self, yolo_folder):
        edit(yolo_folder, "train: images/train", "train: [images/train, images/val]")
        edit(yolo_folder, "val: images/val", "val: val.txt")
        (yolo_folder / "val.txt").write_text("./images/val/d.jpg\nimages/train/b.jpg\n")
        splits = load(yolo_folder)
        assert [len(splits[name]) for name in ("train", "val")] == [4, 2]
        assert splits["val"].picture_id(0) == "images/val/d.jpg"
        assert len(splits["val"].annotations(0)) == 1

    def test_images_and_labels_may_lie_inside_of_each_split(self, yolo_folder):
        """As some exporters write it, with a path that is one folder too high."""
        for split in ("train", "val"):
            (yolo_folder / split).mkdir()
            for kind in ("images", "labels"):
                (yolo_folder / kind / split).rename(yolo_folder / split / kind)
        edit(yolo_folder, "path: .\n", "")
        edit(yolo_folder, "images/train", "../train/images")
        edit(yolo_folder, "images/val", "../val/images")
        splits = load(yolo_folder)
        assert splits["train"].picture_file(0) == yolo_folder / "train/images/a.jpg"
        assert len(splits["train"].annotations(0)) == 2

    def test_a_path_of_another_machine_is_where_the_file_is(self, yolo_folder):
        edit(yolo_folder, "path: .", "path: /home/somebody/datasets/mine")
        assert len(load(yolo_folder)["train"]) == 3

    def test_an_outline_gives_the_box_around_it(self, yolo_folder):
        (yolo_folder / "labels/train/a.txt").write_text("1 0.5 0.25 0.75 0.5 0.25 1\n")
        found = load(yolo_folder)["train"].annotations(0)
        np.testing.assert_array_equal(found.boxes_xyxy, [[16, 12, 48, 48]])

    def test_boxes_that_stick_out_by_rounding_are_clipped(self, yolo_folder):
        (yolo_folder / "labels/train/a.txt").write_text("0 0.95 0.5 0.2 1.0\n")
        found = load(yolo_folder)["train"].annotations(0)
        np.testing.assert_allclose(found.boxes_xyxy, [[54.4, 0, 64, 48]], rtol=1e-6)

    def test_pictures_that_exif_turns_are_measured_upright(self, yolo_folder):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (48, 64)).save(yolo_folder / "images/train/a.jpg", exif=exif)
        train = load(yolo_folder)["train"]
        assert train.picture_size(0) == (64, 48)
        assert train.read(0)[0].shape == (48, 64, 3)

    def test_the_file_is_found_in_its_folder(self, yolo_folder):
        assert find_yaml(yolo_folder) == yolo_folder / "data.yaml"
        (yolo_folder / "data.yaml").rename(yolo_folder / "mine.yml")
        assert find_yaml(yolo_folder) == yolo_folder / "mine.yml"
        (yolo_folder / "other.yaml").write_text("")
        assert find_yaml(yolo_folder) is None


class TestFaults:
    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("0 0.5 0.5 0.5", "expected 5 numbers, or a class and an outline"),
            ("0 0.5 0.5 0.5 0.5 0.9", "expected 5 numbers, or a class and an outline"),
            ("0 0.5 0.5 wide 0.5", "expected numbers"),
            ("2 0.5 0.5 0.5 0.5", "class: expected a whole number from 0 to 1"),
            ("-1 0.5 0.5 0.5 0.5", "class: expected a whole number from 0 to 1"),
            ("0.5 0.5 0.5 0.5 0.5", "class: expected a whole number from 0 to 1"),
            ("nan 0.5 0.5 0.5 0.5", "class: expected a whole number from 0 to 1"),
            ("0 32 24 16 10", "expected coordinates in shares of the picture, 0 to 1"),
            ("0 nan 0.5 0.5 0.5", "expected coordinates in shares of the picture, 0 to 1"),
        ],
    )
    def test_a_wrong_line_is_named(self, yolo_folder, line, said):
        (yolo_folder / "labels/train/b.txt").write_text(f"0 0.5 0.5 0.5 0.5\n\n{line}\n")
        text = fault_of(yolo_folder)
        assert f"b.txt: line 3: {said}" in text
        assert line in text

    def test_all_faults_are_named_at_once(self, yolo_folder):
        (yolo_folder / "labels/train/b.txt").write_text("5 0 0 0 0\nx\n")
        (yolo_folder / "images/train/c.jpg").write_bytes(b"no picture")
        text = fault_of(yolo_folder)
        assert "data.yaml: 3 faults" in text
        assert "train: " in text
        assert "c.jpg: not a picture" in text

    def test_a_box_without_area_is_named(self, yolo_folder):
        (yolo_folder / "labels/train/b.txt").write_text("0 0.5 0.5 0 0.5\n")
        assert "b.txt: line 1: expected a width and height above 0" in fault_of(yolo_folder)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("names: [cat, dog]", "", "names"),
            ("names: [cat, dog]", "names: [cat, cat]", "names: 'cat' is there more than once"),
            ("names: [cat, dog]", "names: {0: cat, 2: dog}", "names: expected the numbers 0 to 1"),
            ("nc: 2", "nc: 3", "nc: expected the number of names, 2, got 3"),
            ("train: images/train", "train: images/gone", "train: no folder or list 'images/gone'"),
            ("train: images/train", "", "train"),
            ("path: .", "path: [", "not YAML"),
            ("path: .", "- 3", "not YAML"),
            ("train: images/train", "train: " + "a" * 5000, "train: no folder or list 'aaa"),
            ("path: .", "path: 2001-13-45", "not YAML: month must be in 1..12"),
            ("path: .", "path: !!bool perhaps", "not YAML"),
            ("path: .", "path: !!timestamp soon", "not YAML"),
            ("path: .", "path: " + "[" * 3000, "not YAML: nested too deeply"),
            ("names: [cat, dog]", "", "  names: missing\n"),
            ("train: images/train", "train: images/train/a.jpg", "'images/train/a.jpg' is neither"),
        ],
    )
    def test_a_wrong_file_is_named(self, yolo_folder, old, new, said):
        edit(yolo_folder, old, new)
        text = fault_of(yolo_folder)
        assert "data.yaml: " in text
        assert said in text

    def test_a_file_that_holds_something_else(self, yolo_folder):
        (yolo_folder / "data.yaml").write_text("hello")
        assert "  expected keys and values, got 'hello'\n" in fault_of(yolo_folder)

    def test_where_no_picture_is_found_no_more_is_said(self, yolo_folder):
        edit(yolo_folder, "train: images/train", "train: images/gone")
        edit(yolo_folder, "val: images/val", "val: images/gone")
        faults = KeptFaults(yolo_folder)
        with pytest.raises(DataError):
            load(yolo_folder, faults=faults)
        assert [len(noted.texts) for noted in faults.noted] == [2]

    def test_what_is_sound_can_be_had_beside_the_faults(self, yolo_folder):
        (yolo_folder / "images/train/b.jpg").write_bytes(b"")
        (yolo_folder / "labels/train/a.txt").write_text("0 0.5 0.5 0.5 0.5\nx\n")
        faults = KeptFaults(yolo_folder)
        train = load(yolo_folder, faults=faults)["train"]
        assert [len(train.annotations(index)) for index in range(2)] == [1, 0]
        assert len([text for noted in faults.noted for text in noted.texts]) == 2

    def test_no_such_file(self, tmp_path):
        with pytest.raises(MissingFileError, match=r"expected the data\.yaml of a YOLO folder"):
            load(tmp_path)
