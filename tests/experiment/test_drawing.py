"""Boxes drawn into a picture."""

import doctest

import numpy as np

from smnas.experiment import drawing


def test_box_is_drawn_where_it_lies_and_leaves_the_rest_alone() -> None:
    picture = np.zeros((60, 100, 3), dtype=np.uint8)
    found = {"box_xyxy": [50, 30, 90, 55], "score": 0.5, "category": "cat", "category_id": 1}
    drawn = np.asarray(drawing.draw_prediction(picture, [found]))
    assert drawn[30, 60:90].any(axis=-1).all()  # the upper edge
    assert drawn[30:55, 90].any(axis=-1).all()  # the right edge
    assert not drawn[:, :40].any()
    assert not drawn[35:50, 55:85].any()  # the inside
    assert not picture.any()


def test_a_box_without_size_at_the_edge_can_be_drawn() -> None:
    picture = np.zeros((20, 20, 3), dtype=np.uint8)
    found = {"box_xyxy": [20, 20, 20, 20], "score": 1.0, "category": "", "category_id": 0}
    assert drawing.draw_prediction(picture, [found]).size == (20, 20)


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(drawing).failed == 0
