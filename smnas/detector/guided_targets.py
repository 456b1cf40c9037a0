"""What guided anchoring learns about anchors: where they are, and how large (paper.md 6.1).

Tensor letters: P positions over all levels, X columns and Y rows of one level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from smnas.detector.boxes import box_areas
from smnas.detector.contract import Targets

_CENTRE_SHARE = 0.2
"""Positions in this middle part of a box, along each side, are where its anchor should be."""
_IGNORED_SHARE = 0.5
"""Those in this part do not count, nor on the levels above and below."""
_NEGATIVE_WEIGHT = 0.1
_EPSILON = 1e-6


@dataclass(frozen=True)
class LocationTargets:
    """Where anchors should be."""

    positive_BP: Tensor
    """bool: an anchor should be here."""
    weights_BP: Tensor
    """float32: how much the position counts; 1 where positive."""


@torch.no_grad()
def locate(
    targets: Targets,
    shapes: Sequence[tuple[int, int]],
    strides: Sequence[int],
    finest_side: float,
) -> LocationTargets:
    """Return where anchors should be, on the level that fits each object's size.

    Args:
        targets: Ground truth; what boxes to be ignored cover does not count.
        shapes: (height, width) of each level.
        strides: Pixels per position of each level.
        finest_side: Side in pixels of an object that belongs to the finest level.
    """
    sides_BG = box_areas(targets.boxes_BG4).clamp(min=_EPSILON).sqrt()
    level_BG = torch.floor(torch.log2(sides_BG / finest_side) + 0.5)
    level_BG = level_BG.clamp(0, len(strides) - 1)
    objects_BG = targets.objects_BG
    ignored_BG = targets.valid_BG & targets.ignore_BG
    positives: list[Tensor] = []
    weights: list[Tensor] = []
    for level, (shape, stride) in enumerate(zip(shapes, strides, strict=True)):
        boxes_BG4 = targets.boxes_BG4 / stride
        distance_BG = (level_BG - level).abs()
        positive_BP = _cover(boxes_BG4, objects_BG & (distance_BG == 0), _CENTRE_SHARE, shape)
        near_BP = _cover(boxes_BG4, objects_BG & (distance_BG <= 1), _IGNORED_SHARE, shape)
        near_BP |= _cover(boxes_BG4, ignored_BG, 1.0, shape)
        weights_BP = torch.full_like(near_BP, _NEGATIVE_WEIGHT, dtype=torch.float32)
        weights.append(weights_BP.masked_fill(near_BP, 0.0).masked_fill(positive_BP, 1.0))
        positives.append(positive_BP)
    return LocationTargets(torch.cat(positives, dim=1), torch.cat(weights, dim=1))


def bounded_iou_sum(anchors_N4: Tensor, wanted_N4: Tensor, beta: float) -> Tensor:
    """Return the sum of the bounded IoU loss of widths and heights (Wang et al. 2019, equation 7).

    Args:
        anchors_N4: Predicted anchors; their centres are fixed.
        wanted_N4: The objects they belong to.
        beta: Where smooth L1 turns from quadratic to linear.
    """
    sides_N2 = anchors_N4[:, 2:] - anchors_N4[:, :2]
    wanted_N2 = wanted_N4[:, 2:] - wanted_N4[:, :2]
    ratio_N2 = torch.minimum(sides_N2 / (wanted_N2 + _EPSILON), wanted_N2 / (sides_N2 + _EPSILON))
    short_N2 = 1 - ratio_N2
    return F.smooth_l1_loss(short_N2, torch.zeros_like(short_N2), reduction="sum", beta=beta)


def _cover(boxes_BG4: Tensor, wanted_BG: Tensor, share: float, shape: tuple[int, int]) -> Tensor:
    """Return the positions (B, P) in the middle ``share`` of any of the wanted boxes."""
    left, top, right, bottom = boxes_BG4.unbind(-1)
    rows_BGY = _middle(top, bottom, share, shape[0]) & wanted_BG[..., None]
    columns_BGX = _middle(left, right, share, shape[1])
    covered_BGYX = rows_BGY[..., None] & columns_BGX[..., None, :]
    return covered_BGYX.any(dim=1).flatten(1)


def _middle(start_BG: Tensor, end_BG: Tensor, share: float, length: int) -> Tensor:
    """Return which positions of an axis lie in the middle ``share`` of intervals; at least one."""
    margin_BG = (end_BG - start_BG) * ((1 - share) / 2)
    first_BG = (start_BG + margin_BG).round().clamp(0, length - 1)
    last_BG = (end_BG - margin_BG).round().clamp(0, length - 1)
    positions = torch.arange(length, device=start_BG.device)
    return (positions >= first_BG[..., None]) & (positions <= last_BG[..., None])
