"""What every data set offers: views for training, and subsets."""

import numpy as np
import pytest

from smnas.data.coco import load_coco
from smnas.data.dataset import Subset, hash_content


@pytest.mark.parametrize("zoom", [0.5, 0.9, 1.0, 1.3, 4.0])
def test_objects_appear_as_much_larger_as_the_zoom_says(make_coco, zoom):
    view = load_coco(make_coco()).draw(0, np.random.default_rng(0), zoom)
    assert view.width == round(64 / zoom)
    assert view.height == round(48 / zoom)
    height, width = view.picture.shape[:2]
    assert (width, height) == (min(64, view.width), min(48, view.height))
    assert view.left + width <= view.width
    assert view.top + height <= view.height


def test_a_view_without_zoom_is_the_whole_picture(make_coco):
    dataset = load_coco(make_coco())
    view = dataset.draw(3, np.random.default_rng(0))
    picture, found = dataset.read(3)
    np.testing.assert_array_equal(view.picture, picture)
    np.testing.assert_array_equal(view.annotations.boxes_xyxy, found.boxes_xyxy)


class TestSubset:
    def test_shows_the_pictures_it_names(self, make_coco):
        whole = load_coco(make_coco())
        part = Subset(whole, [4, 1], "part")
        assert (part.name, len(part), part.categories) == ("part", 2, whole.categories)
        assert [part.picture_id(index) for index in range(2)] == [14, 11]
        assert part.picture_size(0) == (64, 48)
        assert part.in_memory is False
        np.testing.assert_array_equal(part.read(1)[0], whole.read(1)[0])
        view = part.draw(0, np.random.default_rng(0), 2.0)
        expected = whole.draw(4, np.random.default_rng(0), 2.0)
        np.testing.assert_array_equal(view.picture, expected.picture)
        np.testing.assert_array_equal(
            part.annotations(0).boxes_xyxy, whole.annotations(4).boxes_xyxy
        )

    def test_has_an_id_of_its_pictures(self, make_coco):
        whole = load_coco(make_coco())
        first = Subset(whole, [0, 1], "a").data_id
        assert Subset(whole, (0, 1), "b").data_id == first
        assert len({first, whole.data_id, Subset(whole, [0, 2], "a").data_id}) == 3


def test_a_hash_knows_where_its_parts_end():
    assert hash_content(["ab", "c"]) != hash_content(["a", "bc"])
    assert hash_content(["ab"]) == hash_content([b"ab"])
    assert len(hash_content([])) == 12
