"""Anchors: the boxes that a pyramid's positions stand for.

Tensor letters beside the usual: S anchor shapes at a position, P positions over all levels. Anchors
A are all (shape, position) pairs, the shape slowest, so that convolution outputs (B, S, H, W) need
no reordering.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from smnas.arch.parts import Anchors
from smnas.detector.boxes import box_areas, overlap


@dataclass(frozen=True)
class GridLevel:
    """The anchors of one level. All in a column share their x, all in a row their y."""

    columns_SW2: Tensor
    """float32: left and right of the anchors in each column."""
    rows_SH2: Tensor
    """float32: top and bottom of the anchors in each row."""

    @property
    def positions(self) -> int:
        """Positions of the level."""
        return self.columns_SW2.shape[1] * self.rows_SH2.shape[1]


@dataclass(frozen=True)
class AnchorGrid:
    """All anchors of a pyramid."""

    levels: tuple[GridLevel, ...]

    @cached_property
    def boxes_A4(self) -> Tensor:
        """float32: the anchors as boxes."""
        return torch.cat([_level_boxes(level) for level in self.levels], dim=1).flatten(0, 1)

    @property
    def areas_BA(self) -> Tensor:
        """float32, (1, A): areas in square pixels."""
        return box_areas(self.boxes_A4)[None]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """First and past-the-last position of each level along P."""
        spans: list[tuple[int, int]] = []
        start = 0
        for level in self.levels:
            spans.append((start, start + level.positions))
            start += level.positions
        return spans

    def intersect(self, boxes_BG4: Tensor) -> Tensor:
        """Return the area that each box shares with each anchor, (B, G, A).

        Widths are taken per column and heights per row, so that only their product runs over all
        anchors: several times faster than box against box.
        """
        batch, boxes = boxes_BG4.shape[:2]
        shapes, positions = self.levels[0].columns_SW2.shape[0], self.spans[-1][1]
        areas_BGSP = boxes_BG4.new_empty(batch, boxes, shapes, positions)
        left, top, right, bottom = boxes_BG4[:, :, None, None].unbind(-1)
        for level, (start, end) in zip(self.levels, self.spans, strict=True):
            widths_BGSW = overlap(left, right, *level.columns_SW2.unbind(-1))
            heights_BGSH = overlap(top, bottom, *level.rows_SH2.unbind(-1))
            shape = (heights_BGSH.shape[-1], widths_BGSW.shape[-1])
            torch.mul(
                heights_BGSH[..., None],
                widths_BGSW[..., None, :],
                out=areas_BGSP[..., start:end].unflatten(-1, shape),
            )
        return areas_BGSP.flatten(2)


def make_anchor_grid(
    anchors: Anchors,
    strides: Sequence[int],
    shapes: Sequence[tuple[int, int]],
    device: torch.device,
) -> AnchorGrid:
    """Return the anchors of maps of ``shapes``.

    The anchors of position (row, column) are centred at (column, row) * stride: where a stride-2
    convolution with padding 1 looks, and as in torchvision and mmdetection.

    Args:
        anchors: Shapes at each position; ratios slowest, then octaves, as in torchvision.
        strides: Pixels per position of each level.
        shapes: (height, width) of each level.
        device: Where the grid lives.
    """
    levels: list[GridLevel] = []
    for stride, (height, width) in zip(strides, shapes, strict=True):
        sizes_S2 = torch.tensor(shape_sizes(anchors, stride), device=device)
        columns = torch.arange(width, device=device, dtype=torch.float32) * stride
        rows = torch.arange(height, device=device, dtype=torch.float32) * stride
        levels.append(GridLevel(_around(columns, sizes_S2[:, 0]), _around(rows, sizes_S2[:, 1])))
    return AnchorGrid(tuple(levels))


def shape_sizes(anchors: Anchors, stride: int) -> list[tuple[float, float]]:
    """Return (width, height) in pixels of each anchor shape at ``stride``."""
    sizes: list[tuple[float, float]] = []
    for ratio in anchors.ratios:
        for octave in range(anchors.octaves):
            side = anchors.scale * stride * 2 ** (octave / anchors.octaves)
            sizes.append((side / ratio**0.5, side * ratio**0.5))
    return sizes


def _around(centres_N: Tensor, lengths_S: Tensor) -> Tensor:
    half = lengths_S[:, None] / 2
    return torch.stack((centres_N - half, centres_N + half), dim=-1)


def _level_boxes(level: GridLevel) -> Tensor:
    left_right = level.columns_SW2[:, None].expand(-1, level.rows_SH2.shape[1], -1, -1)
    top_bottom = level.rows_SH2[:, :, None].expand(-1, -1, level.columns_SW2.shape[1], -1)
    boxes = torch.stack(
        (left_right[..., 0], top_bottom[..., 0], left_right[..., 1], top_bottom[..., 1]), dim=-1
    )
    return boxes.flatten(1, 2)
