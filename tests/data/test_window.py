"""Windows: crops and smaller placements, and what becomes of the boxes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.data.annotations import Annotations
from smnas.data.window import (
    MIN_VISIBLE,
    Window,
    cut_annotations,
    look_through,
    random_window,
)

SIDES = st.integers(1, 300)


@settings(deadline=None, max_examples=100)
@given(picture=st.tuples(SIDES, SIDES), window=st.tuples(SIDES, SIDES), seed=st.integers(0, 999))
def test_a_window_lies_inside_the_picture_or_around_it(picture, window, seed):
    found = random_window(picture, window, np.random.default_rng(seed))
    for start, length, side in (
        (found.left, window[0], picture[0]),
        (found.top, window[1], picture[1]),
    ):
        assert min(0, side - length) <= start <= max(0, side - length)


def test_windows_lie_everywhere():
    rng = np.random.default_rng(0)
    inside = [random_window((10, 10), (7.6, 10), rng).left for _ in range(200)]
    assert set(inside) == {0, 1, 2}
    around = [random_window((10, 10), (12, 10), rng).left for _ in range(200)]
    assert set(around) == {-2, -1, 0}


def test_a_crop_shows_its_part_of_the_picture():
    picture = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    view = look_through(Window(2, 1, 3, 2), picture, Annotations.of([[2, 1, 5, 3]]))
    np.testing.assert_array_equal(view.picture, picture[1:3, 2:5])
    np.testing.assert_array_equal(view.annotations.boxes_xyxy, [[0, 0, 3, 2]])
    assert (view.width, view.height, view.left, view.top) == (3, 2, 0, 0)
    assert np.shares_memory(view.picture, picture)


def test_a_window_beyond_the_picture_says_where_the_picture_is():
    picture = np.zeros((5, 6, 3), dtype=np.uint8)
    view = look_through(Window(-4, -1, 12, 10), picture, Annotations.of([[2, 1, 5, 3]]))
    assert view.picture.shape == (5, 6, 3)
    np.testing.assert_array_equal(view.annotations.boxes_xyxy, [[2, 1, 5, 3]])
    assert (view.width, view.height, view.left, view.top) == (12, 10, 4, 1)


class TestBoxes:
    def test_are_kept_ignored_or_dropped_by_what_is_visible(self):
        rows = [[0, 0, 10, 10], [6, 0, 16, 10], [7, 0, 17, 10], [9.5, 0, 19.5, 10], [20, 0, 30, 10]]
        found = cut_annotations(Annotations.of(rows, labels=range(5)), (0, 0, 10, 10))
        assert found.labels.tolist() == [0, 1, 2]
        assert found.ignore.tolist() == [False, False, True]
        np.testing.assert_array_equal(found.boxes_xyxy[1], [6, 0, 10, 10])

    def test_that_were_ignored_stay_ignored(self):
        found = cut_annotations(Annotations.of([[0, 0, 9, 9]], ignore=[True]), (0, 0, 20, 20))
        assert found.ignore.tolist() == [True]

    def test_smaller_than_a_pixel_are_kept_when_whole(self):
        found = cut_annotations(Annotations.of([[3, 3, 3.5, 3.5]]), (0, 0, 10, 10))
        assert len(found) == 1

    @settings(deadline=None, max_examples=100)
    @given(
        boxes=st.lists(
            st.tuples(*[st.floats(0, 60, width=32)] * 2, *[st.floats(0.125, 60, width=32)] * 2),
            max_size=6,
        ),
        window=st.tuples(st.integers(0, 50), st.integers(0, 50), SIDES, SIDES),
    )
    def test_are_never_empty_and_never_outside(self, boxes, window):
        rows = [[x, y, x + w, y + h] for x, y, w, h in boxes]
        left, top, width, height = window
        found = cut_annotations(Annotations.of(rows), (left, top, left + width, top + height))
        assert (found.boxes_xyxy[:, 2:] > found.boxes_xyxy[:, :2]).all()
        assert (found.boxes_xyxy >= 0).all()
        assert (found.boxes_xyxy <= [width, height, width, height]).all()
        assert len(found.labels) == len(found.ignore) == len(found)

    @settings(deadline=None, max_examples=100)
    @given(
        corner=st.tuples(st.integers(-20, 40), st.integers(-20, 40)),
        sides=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    )
    def test_are_judged_by_the_share_of_visible_pixels(self, corner, sides):
        x1, y1, x2, y2 = corner[0], corner[1], corner[0] + sides[0], corner[1] + sides[1]
        visible = sum(0 <= x < 32 and 0 <= y < 24 for x in range(x1, x2) for y in range(y1, y2))
        found = cut_annotations(Annotations.of([[x1, y1, x2, y2]]), (0, 0, 32, 24))
        assert len(found) == (visible > 0)
        if visible:
            assert found.objects[0] == (visible >= MIN_VISIBLE * sides[0] * sides[1])
