"""Writing COCO: what is read back is what was written, box by box and pixel by pixel."""

import numpy as np

from smnas.data.coco import load_coco
from smnas.data.coco_writer import write_coco
from smnas.data.trees import load_trees


def test_any_data_set_comes_back_exactly(tmp_path):
    dataset = load_trees().out_of_domain
    again = load_coco(write_coco(dataset, tmp_path / "new" / "folder"))
    assert again.categories == dataset.categories
    assert len(again) == len(dataset)
    for index in range(len(dataset)):
        picture, found = dataset.read(index)
        picture_again, found_again = again.read(index)
        assert again.picture_id(index) == dataset.picture_id(index)
        np.testing.assert_array_equal(picture_again, picture)
        np.testing.assert_array_equal(found_again.boxes_xyxy, found.boxes_xyxy)
        np.testing.assert_array_equal(found_again.labels, found.labels)
        np.testing.assert_array_equal(found_again.ignore, found.ignore)


def test_category_ids_are_kept(make_coco, tmp_path):
    dataset = load_coco(make_coco())
    again = load_coco(write_coco(dataset, tmp_path / "copy"))
    assert again.categories == dataset.categories
    assert [again.annotations(i).labels.tolist() for i in range(6)] == [
        dataset.annotations(i).labels.tolist() for i in range(6)
    ]
