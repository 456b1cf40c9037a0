"""VOC folders: splits, pictures by name, difficult objects, and every fault named at once."""

import importlib.resources
import shutil

import numpy as np
import pytest
from PIL import Image

from smnas.data.dataset import Category
from smnas.data.faults import KeptFaults
from smnas.data.voc_folder import is_voc, load_voc
from smnas.errors import DataError, MissingFileError

CAT, DOG = Category(1, "cat"), Category(2, "dog")


def fault_of(path, **options) -> str:
    with pytest.raises(DataError) as caught:
        load_voc(path, **options)
    return str(caught.value)


class TestGoodFolders:
    def test_the_image_sets_are_the_splits(self, voc_folder):
        splits = load_voc(voc_folder)
        assert {name: len(part) for name, part in splits.items()} == {"train": 4, "val": 2}
        assert splits["val"].name == "VOC2012/val"
        assert [splits["val"].picture_id(i) for i in range(2)] == ["2008_4", "2008_5"]
        assert splits["train"].categories == splits["val"].categories == (CAT, DOG)

    def test_boxes_are_read_and_difficult_ones_ignored(self, voc_folder):
        found = load_voc(voc_folder)["val"].annotations(1)
        np.testing.assert_array_equal(found.boxes_xyxy, [[5, 0, 20, 20], [29, 9, 64, 48]])
        assert found.labels.tolist() == [1, 0]
        assert found.ignore.tolist() == [False, True]
        assert found.difficult.tolist() == [False, True]
        assert found.regions.tolist() == [False, False]

    def test_pictures_are_read(self, voc_folder):
        picture, found = load_voc(voc_folder)["train"].read(1)
        assert picture.shape == (48, 64, 3)
        assert len(found) == 2

    def test_without_image_sets_all_pictures_are_train(self, voc_folder):
        shutil.rmtree(voc_folder / "ImageSets")
        splits = load_voc(voc_folder)
        assert {name: len(part) for name, part in splits.items()} == {"train": 6}

    def test_trainval_alone_is_train(self, voc_folder):
        for split in ("train", "val"):
            (voc_folder / f"ImageSets/Main/{split}.txt").unlink()
        assert {name: len(part) for name, part in load_voc(voc_folder).items()} == {"train": 6}

    def test_one_image_set_may_be_named(self, voc_folder):
        path = voc_folder / "ImageSets/Main/mini.txt"
        path.write_text("2008_5  1\n2008_0 -1\n")
        assert is_voc(path)
        splits = load_voc(path)
        assert [splits["train"].picture_id(i) for i in range(2)] == ["2008_5", "2008_0"]

    def test_names_with_spaces_and_numbers_behind_are_names(self, voc_folder):
        for folder, ending in (("Annotations", "xml"), ("JPEGImages", "jpg")):
            for number in (0, 1):
                file = voc_folder / folder / f"2008_{number}.{ending}"
                file.rename(file.with_name(f"Süd West {number}.{ending}"))
        path = voc_folder / "ImageSets/Main/train.txt"
        path.write_text("Süd West 0\nSüd West 1  -1\n2008_2 1 \n", "utf-8")
        train = load_voc(voc_folder)["train"]
        assert [train.picture_id(i) for i in range(3)] == ["Süd West 0", "Süd West 1", "2008_2"]
        assert train.picture_file(1).name == "Süd West 1.jpg"
        path.write_text("Süd West 2\n")
        assert "train.txt: entry 1: no file 'Annotations/Süd West 2.xml'" in fault_of(voc_folder)

    def test_a_test_set_that_nobody_annotated_is_left_out_aloud(self, voc_folder):
        (voc_folder / "ImageSets/Main/test.txt").write_text("2009_1\n2009_2\n")
        splits = load_voc(voc_folder)
        assert splits.keys() == {"train", "val"}
        assert "none of its pictures is annotated" in splits["train"].table.notes[0]

    def test_the_picture_may_have_another_extension_or_be_misnamed(self, voc_folder):
        Image.new("RGB", (64, 48)).save(voc_folder / "JPEGImages/2008_0.png")
        (voc_folder / "JPEGImages/2008_0.jpg").unlink()
        xml = voc_folder / "Annotations/2008_1.xml"
        xml.write_text(xml.read_text().replace("2008_1.jpg", "2008_3.jpg"))
        train = load_voc(voc_folder)["train"]
        assert train.picture_file(0).name == "2008_0.png"
        assert train.picture_file(1).name == "2008_1.jpg"

    def test_the_picture_may_be_found_by_what_the_annotation_says(self, voc_folder):
        folder = voc_folder / "JPEGImages"
        (folder / "2008_2.jpg").rename(folder / "other.JPG")
        xml = voc_folder / "Annotations/2008_2.xml"
        xml.write_text(xml.read_text().replace("2008_2.jpg", "other.tif"))
        assert load_voc(voc_folder)["train"].picture_file(2).name == "other.JPG"

    def test_a_flat_folder_of_real_files(self, tmp_path):
        """The package's own aerial photographs; their annotations name other extensions."""
        trees = importlib.resources.files("smnas.data.trees")
        for item in trees.iterdir():
            if item.name.startswith(("OSBS", "SOAP")):
                (tmp_path / item.name).write_bytes(item.read_bytes())
        dataset = load_voc(tmp_path)["train"]
        assert [item.name for item in dataset.categories] == ["Alive", "Dead", "Tree"]
        assert [len(dataset.annotations(i)) for i in range(2)] == [61, 37]
        assert dataset.read(0)[0].shape == (400, 400, 3)

    def test_the_categories_of_other_data_are_kept_when_they_are_known(self, voc_folder):
        known = (Category(3, "bird"), Category(8, "dog"), Category(9, "cat"))
        dataset = load_voc(voc_folder, known=known)["val"]
        assert dataset.categories == known
        assert dataset.annotations(1).labels.tolist() == [1, 2]
        assert "no 'cat'" in fault_of(voc_folder, known=known[:2])


class TestFaults:
    def test_of_all_files_are_named_at_once(self, voc_folder):
        annotations = voc_folder / "Annotations"
        (annotations / "2008_0.xml").write_text("<annotation><filename>")
        xml = annotations / "2008_1.xml"
        xml.write_text(xml.read_text().replace("<xmax>20<", "<xmax>2<"))
        xml = annotations / "2008_4.xml"
        xml.write_text(xml.read_text().replace("<width>64</width>", ""))
        with (voc_folder / "ImageSets/Main/train.txt").open("a") as file:
            file.write("2008_0\n2010_9\n")
        text = fault_of(voc_folder)
        assert "VOC2012: 5 faults" in text
        assert "Annotations/2008_0.xml: not XML, or truncated" in text
        assert "Annotations/2008_1.xml: object 1 (dog): bndbox: [2, 1, 2, 20] has no area" in text
        assert "Annotations/2008_4.xml: size/width: expected a number, got None" in text
        assert "ImageSets/Main/train.txt: '2008_0' is there twice" in text
        assert "train.txt: entry 6: no file 'Annotations/2010_9.xml'" in text

    @pytest.mark.parametrize("split", ["train", "test"])
    def test_an_image_set_that_is_no_text(self, voc_folder, split):
        (voc_folder / f"ImageSets/Main/{split}.txt").write_bytes(b"2008_0\n\xff\xfe")
        assert f"{split}.txt: not a text file in UTF-8" in fault_of(voc_folder)

    def test_names_that_no_file_can_have(self, voc_folder):
        (voc_folder / "ImageSets/Main/train.txt").write_text("a" * 5000 + "\nx\0y\n")
        text = fault_of(voc_folder)
        assert "train.txt: entry 1: no file 'Annotations/aaa" in text
        assert "train.txt: entry 2: no file 'Annotations/x\\x00y.xml'" in text

    def test_pictures_that_are_missing_are_named(self, voc_folder):
        (voc_folder / "JPEGImages/2008_4.jpg").unlink()
        text = fault_of(voc_folder)
        assert "Annotations/2008_4.xml: filename: no picture '2008_4.jpg'" in text
        assert "--images" in text

    def test_no_pictures_at_all(self, voc_folder, tmp_path):
        shutil.rmtree(voc_folder / "JPEGImages")
        lines = fault_of(voc_folder).splitlines()
        assert [line.split(":")[0].strip() for line in lines[1:-1]] == [
            f"Annotations/2008_{number}.xml" for number in range(6)
        ]
        assert f"in {voc_folder / 'JPEGImages'} or {voc_folder / 'images'} or" in lines[1]
        with pytest.raises(MissingFileError, match="gone: no such folder of pictures"):
            load_voc(voc_folder, images=tmp_path / "gone")
        faults = KeptFaults(voc_folder)
        with pytest.raises(DataError):
            load_voc(voc_folder, faults=faults)
        assert [len(item.texts) for item in faults.noted][:1] == [6]
        assert faults.noted[0].advice == "name the folder of the pictures with --images"

    def test_pictures_elsewhere_are_found_when_named(self, voc_folder, tmp_path):
        (voc_folder / "JPEGImages").rename(tmp_path / "elsewhere")
        assert "no picture" in fault_of(voc_folder)
        splits = load_voc(voc_folder, images=tmp_path / "elsewhere")
        assert splits["val"].read(0)[0].shape == (48, 64, 3)

    def test_a_folder_in_which_all_is_difficult(self, voc_folder):
        for xml in (voc_folder / "Annotations").iterdir():
            xml.write_text(xml.read_text().replace("<difficult>0<", "<difficult>1<"))
        assert "annotations: all are crowds, difficult or ignored" in fault_of(voc_folder)

    def test_what_is_sound_can_be_had_beside_the_faults(self, voc_folder):
        (voc_folder / "Annotations/2008_0.xml").write_text("")
        faults = KeptFaults(voc_folder)
        splits = load_voc(voc_folder, faults=faults)
        assert {name: len(part) for name, part in splits.items()} == {"train": 3, "val": 2}
        assert "2008_0.xml: not XML" in faults.noted[0].texts[0]

    def test_an_image_set_that_is_not_there(self, voc_folder):
        with pytest.raises(MissingFileError, match="no such image set"):
            load_voc(voc_folder / "ImageSets/Main/gone.txt")


class TestDataId:
    def test_is_the_same_elsewhere_and_changes_with_what_is_difficult(self, voc_folder, tmp_path):
        first = load_voc(voc_folder)["val"].data_id
        copy = shutil.copytree(voc_folder, tmp_path / "copy" / "VOC2012")
        assert load_voc(copy)["val"].data_id == first
        xml = copy / "Annotations/2008_5.xml"
        xml.write_text(xml.read_text().replace("<difficult>1<", "<difficult>0<"))
        assert load_voc(copy)["val"].data_id != first
