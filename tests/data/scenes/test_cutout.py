"""Cut-outs in their pose: as long as asked for, turned the right way round, softly edged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.data.scenes.cutout import OPAQUE, PRODUCT_GREY, Pose, turn_cutout
from smnas.data.scenes.parts import load_parts


def tile_of(rows: slice, columns: slice, grey: int = 200):
    tile = np.zeros((28, 28), dtype=np.uint8)
    tile[rows, columns] = grey
    return tile


def opaque_box(alpha):
    rows, columns = (np.flatnonzero((alpha >= OPAQUE).any(axis=axis)) for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@settings(max_examples=60, deadline=None)
@given(
    label=st.integers(0, 4),
    index=st.integers(0, 119),
    stretch=st.floats(0.8, 1.25),
    angle_deg=st.floats(-25, 25),
    long_side_px=st.floats(10, 300),
)
def test_the_long_side_is_as_asked_and_the_shape_lies_in_the_middle(
    label, index, stretch, angle_deg, long_side_px
):
    tile = load_parts("val").cutouts[label][index]
    alpha, shading = turn_cutout(tile, PRODUCT_GREY, Pose(stretch, angle_deg, long_side_px))
    assert alpha.shape == shading.shape
    left, top, right, bottom = opaque_box(alpha)
    # Thin straps and corners fade when they are shrunk: up to a tenth, and a pixel at each end.
    assert max(right - left, bottom - top) == pytest.approx(long_side_px, rel=0.1, abs=2)
    assert (left + right) / 2 == pytest.approx(alpha.shape[1] / 2, rel=0.1, abs=1.5)
    assert (top + bottom) / 2 == pytest.approx(alpha.shape[0] / 2, rel=0.1, abs=1.5)
    assert alpha[[0, -1]].max() < OPAQUE
    assert alpha[:, [0, -1]].max() < OPAQUE


def test_a_strap_thinner_than_a_pixel_does_not_fade():
    sandal = load_parts("val").cutouts[3][0]
    alpha, _ = turn_cutout(sandal, PRODUCT_GREY, Pose(1.25, 0, 10))
    left, top, right, bottom = opaque_box(alpha)
    assert (right - left, bottom - top) == (9, 3)
    assert alpha.min() == 0
    assert alpha.max() == 255


def test_what_did_not_fade_is_not_raised(monkeypatch):
    shoe, pose = load_parts("val").cutouts[4][0], Pose(1.0, 0, 16)
    alpha, _ = turn_cutout(shoe, PRODUCT_GREY, pose)
    monkeypatch.setattr("smnas.data.scenes.cutout.FADING_PX", 0)
    np.testing.assert_array_equal(turn_cutout(shoe, PRODUCT_GREY, pose)[0], alpha)


def test_stretch_widens_before_the_turn():
    square = tile_of(slice(7, 21), slice(7, 21))
    left, top, right, bottom = opaque_box(turn_cutout(square, PRODUCT_GREY, Pose(1.25, 0, 100))[0])
    assert (right - left) / (bottom - top) == pytest.approx(1.25, abs=0.03)


def test_a_positive_angle_turns_clockwise():
    bar = tile_of(slice(3, 25), slice(12, 16))
    alpha, _ = turn_cutout(bar, PRODUCT_GREY, Pose(1.0, 25, 100))
    rows, columns = np.nonzero(alpha >= OPAQUE)
    upper, lower = columns[rows < 30].mean(), columns[rows > len(alpha) - 30].mean()
    assert upper > lower + 20


def test_gaps_are_closed_and_the_edge_is_soft():
    tile = tile_of(slice(4, 24), slice(4, 24))
    tile[10, 10] = 0
    alpha, _ = turn_cutout(tile, PRODUCT_GREY, Pose(1.0, 0, 112))
    assert alpha[alpha.shape[0] // 4 : -alpha.shape[0] // 4].max(axis=1).min() == 255
    assert len(np.unique(alpha)) > 10
    hole = (alpha.shape[0] * (10.5 - 4) / 20, alpha.shape[1] * (10.5 - 4) / 20)
    assert alpha[round(hole[0]), round(hole[1])] >= OPAQUE


def test_what_is_not_brighter_than_the_ground_is_not_there():
    tile = tile_of(slice(4, 24), slice(4, 24))
    tile[4:24, 14:24] = PRODUCT_GREY // 2
    left, top, right, bottom = opaque_box(turn_cutout(tile, PRODUCT_GREY, Pose(1.0, 0, 112))[0])
    assert (right - left) / (bottom - top) == pytest.approx(0.5, abs=0.05)
