"""COCO files: what is read from good ones, with their pictures."""

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from smnas.data.coco import load_coco
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
