"""How large objects are at the searched inputs."""

import numpy as np
import pytest

from smnas.arch.parts import InputSize
from smnas.data.annotations import Annotations
from smnas.data.checks.boxes import Boxes
from smnas.data.checks.finding import Reporter
from smnas.data.checks.input_sizes import check_sizes, sizes_at_inputs

REPORT = Reporter("train", "my.json")


def boxes_of(sides, size=(640, 480), ignored=0):
    """Square boxes in pictures of one size, the last ones ignored."""
    found = Annotations.of(
        [[0, 0, side, side] for side in sides],
        ignore=[row >= len(sides) - ignored for row in range(len(sides))],
    )
    pictures = np.zeros(len(sides), np.int64)
    return Boxes(None, pictures, found, np.tile(np.array(size, np.float64), (len(sides), 1)))


def inputs(*sizes):
    return [InputSize(width=width, height=height) for width, height in sizes]


def test_an_object_belongs_to_the_level_whose_anchor_is_nearest():
    boxes = boxes_of([32, 64, 128, 256, 512, 1024 * 1.4, 31, 44, 46])
    (found,) = sizes_at_inputs(boxes, inputs((640, 480)))
    shares = {"P1": 3, "P2": 2, "P3": 1, "P4": 1, "P5": 1, "P6": 1}
    assert found.levels == pytest.approx({level: n / 9 for level, n in shares.items()})
    assert found.invisible == 0


def test_objects_shrink_with_the_side_that_fits_last():
    small, wide = sizes_at_inputs(boxes_of([100] * 3), inputs((160, 160), (640, 96)))
    assert small.side_px == pytest.approx((25, 25, 25))  # 640 pixels on 160
    assert wide.side_px == pytest.approx((20, 20, 20))  # 480 pixels on 96
    assert (small.input, wide.input) == ("160x160", "640x96")


def test_what_is_too_small_is_seen_by_no_level_and_ignored_boxes_do_not_count():
    (found,) = sizes_at_inputs(boxes_of([12, 15.9, 16, 400, 1], ignored=1), inputs((160, 120)))
    assert found.invisible == pytest.approx(0.5)
    assert sum(found.levels.values()) == pytest.approx(0.5)


def test_without_objects_there_is_nothing_to_say():
    assert sizes_at_inputs(boxes_of([5], ignored=1), inputs((64, 64))) == ()
    assert list(check_sizes((), REPORT)) == []


@pytest.mark.parametrize(
    ("sides", "severity"), [([40] * 4, None), ([20] * 4, "note"), ([5] * 4, "warning")]
)
def test_too_small_at_every_input_is_a_warning_at_some_a_note(sides, severity):
    found = sizes_at_inputs(boxes_of(sides), inputs((96, 96), (320, 240)))
    assert [item.severity for item in check_sizes(found, REPORT)] == (
        [severity] if severity else []
    )
