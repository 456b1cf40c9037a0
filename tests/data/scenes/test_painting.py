"""Who covers whom, and the boxes of what is still seen."""

import numpy as np
import pytest

from smnas.data.scenes.painting import BACKGROUND, Layer, Shadow, annotate, paint_layers

NO_SHADOW = Shadow(right_px=0, down_px=0, blur_px=1.0, strength=0.0)


def block(left, top, width, height, label=0, colour=200.0, shadow=NO_SHADOW, alpha=255):
    return Layer(
        alpha_HW=np.full((height, width), alpha, dtype=np.uint8),
        colours_HW3=np.full((height, width, 3), colour, dtype=np.float32),
        left=left,
        top=top,
        shadow=shadow,
        label=label,
    )


def canvas(size=40, grey=100.0):
    return np.full((size, size, 3), grey, dtype=np.float32)


def boxes_of(layers, size=40):
    found = annotate(paint_layers(canvas(size), layers), layers)
    return found.boxes_xyxy.tolist(), found.labels.tolist(), found.ignore.tolist()


def test_a_later_layer_covers_an_earlier_one_whose_box_shrinks():
    layers = [block(5, 5, 20, 10, label=2), block(15, 0, 20, 30, label=4)]
    assert boxes_of(layers) == ([[5, 5, 15, 15], [15, 0, 35, 30]], [2, 4], [False, False])


def test_a_hole_in_the_middle_leaves_the_box_as_it_is():
    layers = [block(0, 0, 20, 20, label=1), block(5, 5, 10, 10, label=None)]
    assert boxes_of(layers) == ([[0, 0, 20, 20]], [1], [False])


def test_boxes_end_where_the_picture_ends():
    layers = [block(-5, 30, 20, 20)]
    boxes, _, ignore = boxes_of(layers)
    assert boxes == [[0, 30, 15, 40]]
    assert ignore == [False]  # 150 of 400 pixels: 37.5 %


@pytest.mark.parametrize(
    ("left", "width", "ignored"),
    # A block of 20 x 20 whose columns up to 0 lie outside: 7 of 20 are 35 %.
    [(-13, 20, False), (-14, 20, True), (-19, 20, True)],
)
def test_what_lies_outside_counts_as_hidden(left, width, ignored):
    assert boxes_of([block(left, 10, width, 20)])[2] == [ignored]


@pytest.mark.parametrize(("width", "height", "ignored"), [(5, 4, False), (19, 1, True)])
def test_fewer_than_20_pixels_are_ignored(width, height, ignored):
    assert boxes_of([block(3, 3, width, height)])[2] == [ignored]


def test_what_is_not_seen_at_all_has_no_box():
    assert boxes_of([block(3, 3, 5, 5), block(0, 0, 20, 20, label=None)])[0] == []
    assert boxes_of([block(50, 3, 5, 5), block(-20, 3, 5, 5), block(3, -9, 5, 5)])[0] == []
    assert boxes_of([]) == ([], [], [])


def test_a_faint_layer_owns_nothing():
    owners = paint_layers(canvas(), [block(3, 3, 5, 5, alpha=127)])
    assert (owners == BACKGROUND).all()
    owners = paint_layers(canvas(), [block(3, 3, 5, 5, alpha=128)])
    assert np.count_nonzero(owners == 0) == 25


def test_alpha_mixes_colours():
    picture = canvas(grey=100.0)
    paint_layers(picture, [block(10, 10, 5, 5, colour=200.0, alpha=51)])
    np.testing.assert_allclose(picture[10:15, 10:15], 120.0, rtol=1e-5)
    assert (picture[:10] == 100).all()


def test_a_shadow_darkens_softly_beside_the_layer_and_owns_nothing():
    picture = canvas(grey=100.0)
    shadow = Shadow(right_px=4, down_px=0, blur_px=1.5, strength=0.5)
    owners = paint_layers(picture, [block(10, 10, 12, 12, colour=200.0, shadow=shadow)])
    assert np.count_nonzero(owners == 0) == 144
    assert (picture[10:22, 10:22] == 200).all()
    row = picture[15, 22:, 0]
    assert row[0] < 60
    assert (np.diff(row) >= 0).all()
    assert picture[15, 30, 0] == 100
    assert picture.min() >= 50
