from collections.abc import Callable

import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from smnas.arch.parts import Anchors
from smnas.detector.anchors import AnchorGrid, make_anchor_grid
from smnas.detector.boxes import intersect
from smnas.detector.contract import Targets

STRIDES = [8, 16, 32]
SHAPES = [(12, 20), (6, 10), (3, 5)]
ANCHORS = Anchors(scale=4.0, octaves=3)


def make_grid(anchors: Anchors = ANCHORS) -> AnchorGrid:
    return make_anchor_grid(anchors, STRIDES, SHAPES, torch.device("cpu"))


def test_anchors_are_torchvisions_up_to_its_rounding() -> None:
    octaves = [2 ** (octave / 3) for octave in range(3)]
    theirs = AnchorGenerator(
        sizes=tuple(tuple(4.0 * stride * octave for octave in octaves) for stride in STRIDES),  # pyright: ignore
        aspect_ratios=((0.5, 1.0, 2.0),) * 3,
    )
    maps = [torch.zeros(1, 1, *shape) for shape in SHAPES]
    images = ImageList(torch.zeros(1, 3, 96, 160), [(96, 160)])
    theirs_A4 = theirs(images, maps)[0]
    ours_SP4 = make_grid().boxes_A4.unflatten(0, (9, -1))
    ours_A4 = ours_SP4.transpose(0, 1).flatten(0, 1)
    assert (ours_A4 - theirs_A4).abs().max() <= 0.5
    # Off by their rounding of corners only: the same centres, sizes that average to ours.
    assert (ours_A4 - theirs_A4).mean().abs() < 0.05


@pytest.mark.parametrize(("height", "width"), [(96, 160), (608, 800), (320, 352)])
@pytest.mark.parametrize("octaves", [1, 3])
def test_rounded_anchors_are_torchvisions(height: int, width: int, octaves: int) -> None:
    strides = [8, 16, 32, 64, 128]
    shapes = [(-(-height // stride), -(-width // stride)) for stride in strides]
    octave_sides = [2 ** (octave / octaves) for octave in range(octaves)]
    theirs = AnchorGenerator(
        sizes=tuple(tuple(int(4 * stride * side) for side in octave_sides) for stride in strides),
        aspect_ratios=((0.5, 1.0, 2.0),) * 5,
    )
    maps = [torch.zeros(1, 1, *shape) for shape in shapes]
    theirs_A4 = theirs(ImageList(torch.zeros(1, 3, height, width), [(height, width)]), maps)[0]
    anchors = Anchors(scale=4.0, octaves=octaves, rounded=True)
    grid = make_anchor_grid(anchors, strides, shapes, torch.device("cpu"))
    ours_A4 = grid.boxes_A4.unflatten(0, (3 * octaves, -1)).transpose(0, 1).flatten(0, 1)
    assert torch.equal(ours_A4, theirs_A4)


def test_sizes_follow_scale_ratio_and_octave() -> None:
    grid = make_grid(Anchors(scale=2.0, octaves=2, ratios=(0.25, 4.0)))
    first = grid.boxes_A4.unflatten(0, (4, -1))[:, 0]
    widths, heights = first[:, 2] - first[:, 0], first[:, 3] - first[:, 1]
    torch.testing.assert_close(heights / widths, torch.tensor([0.25, 0.25, 4.0, 4.0]))
    sides = (widths * heights).sqrt()
    torch.testing.assert_close(sides, torch.tensor([16.0, 16 * 2**0.5, 16.0, 16 * 2**0.5]))
    torch.testing.assert_close((first[:, :2] + first[:, 2:]) / 2, torch.zeros(4, 2))


def test_levels_lie_after_each_other_along_the_positions() -> None:
    grid = make_grid()
    assert grid.spans == [(0, 240), (240, 300), (300, 315)]
    boxes_SP4 = grid.boxes_A4.unflatten(0, (9, -1))
    centres_P2 = (boxes_SP4[0, :, :2] + boxes_SP4[0, :, 2:]) / 2
    torch.testing.assert_close(centres_P2[21], torch.tensor([8.0, 8.0]))  # row 1, column 1
    torch.testing.assert_close(centres_P2[240 + 10], torch.tensor([0.0, 16.0]))


@pytest.mark.parametrize("boxes", [0, 1, 6])
def test_intersections_by_row_and_column_are_those_of_boxes(
    boxes: int, make_targets: Callable[..., Targets]
) -> None:
    targets: Targets = make_targets(2, boxes, 3, (96, 160))
    grid = make_grid()
    others = grid.boxes_A4[None].expand(2, -1, -1)
    torch.testing.assert_close(
        grid.intersect(targets.boxes_BG4), intersect(targets.boxes_BG4, others)
    )
