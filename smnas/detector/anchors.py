"""Anchors: the boxes that a pyramid's positions stand for.

Tensor letters beside the usual: S anchor shapes at a position, P positions over all levels. Anchors
A are all (shape, position) pairs, the shape slowest, so that convolution outputs (B, S, H, W) need
no reordering.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from smnas.arch.parts import Anchors
from smnas.detector.boxes import box_areas, overlap


@dataclass(frozen=True)
class AnchorGrid:
    """All anchors of a pyramid. Those in a column of a level share their x, those in a row their y.

    Tensor letters: X columns and Y rows of all levels after each other.
    """

    shapes: tuple[tuple[int, int], ...]
    """Rows and columns of each level."""
    columns_SX2: Tensor
    """float32: left and right of the anchors in each column."""
    rows_SY2: Tensor
    """float32: top and bottom of the anchors in each row."""

    @cached_property
    def boxes_A4(self) -> Tensor:
        """float32: the anchors as boxes."""
        parts: list[Tensor] = []
        for shape, rows_SH2, columns_SW2 in self._by_level(self.rows_SY2, self.columns_SX2, dim=1):
            top, bottom = rows_SH2[:, :, None].expand(-1, *shape, -1).unbind(-1)
            left, right = columns_SW2[:, None].expand(-1, *shape, -1).unbind(-1)
            parts.append(torch.stack((left, top, right, bottom), dim=-1).flatten(1, 2))
        return torch.cat(parts, dim=1).flatten(0, 1)

    @property
    def areas_BA(self) -> Tensor:
        """float32, (1, A): areas in square pixels."""
        return box_areas(self.boxes_A4)[None]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """First and past-the-last position of each level along P."""
        ends = list(accumulate(rows * columns for rows, columns in self.shapes))
        return list(zip([0, *ends], ends, strict=False))

    @property
    def positions(self) -> int:
        """P."""
        return self.spans[-1][1]

    def split(self, anchor: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shape and the position of anchors given by their index along A."""
        return anchor // self.positions, anchor % self.positions

    def of_pictures(self, pictures: slice) -> "AnchorGrid":
        """Return the grid itself: all pictures have the same anchors."""
        return self

    def intersect(self, boxes_BG4: Tensor) -> Tensor:
        """Return the area that each box shares with each anchor, (B, G, A).

        Widths are taken per column and heights per row, so that only their product runs over all
        anchors: several times faster than box against box.
        """
        left, top, right, bottom = boxes_BG4[:, :, None, None].unbind(-1)
        widths_BGSX = overlap(left, right, *self.columns_SX2.unbind(-1))
        heights_BGSY = overlap(top, bottom, *self.rows_SY2.unbind(-1))
        areas_BGSP = widths_BGSX.new_empty(*widths_BGSX.shape[:3], self.positions)
        levels = self._by_level(heights_BGSY, widths_BGSX, dim=3)
        for (start, end), (shape, heights, widths) in zip(self.spans, levels, strict=True):
            place = areas_BGSP[..., start:end].unflatten(-1, shape)
            torch.mul(heights[..., None], widths[..., None, :], out=place)
        return areas_BGSP.flatten(2)

    def _by_level(
        self, rows: Tensor, columns: Tensor, dim: int
    ) -> Iterator[tuple[tuple[int, int], Tensor, Tensor]]:
        heights, widths = zip(*self.shapes, strict=True)
        return zip(
            self.shapes, rows.split(heights, dim=dim), columns.split(widths, dim=dim), strict=True
        )


def make_anchor_grid(
    anchors: Anchors,
    strides: Sequence[int],
    shapes: Sequence[tuple[int, int]],
    device: torch.device,
) -> AnchorGrid:
    """Return the anchors of maps of ``shapes``.

    The anchors of position (row, column) are centred at (column, row) * stride: where a stride-2
    convolution with padding 1 looks, and as in mmdetection. Rounded ones are torchvision's.

    Args:
        anchors: Shapes at each position; ratios slowest, then octaves, as in torchvision.
        strides: Pixels per position of each level; the input's sides are those of the finest map
            times the first.
        shapes: (height, width) of each level.
        device: Where the grid lives.

    A grid follows from its shapes alone: the latest are remembered, and stand in a captured graph
    as constants.
    """
    key: Any = (anchors, tuple(strides), tuple(shapes), device)
    if torch.compiler.is_dynamo_compiling():
        return _compute_grid(*key)
    return _remembered_grid(*key)


@lru_cache(maxsize=16)
def _remembered_grid(
    anchors: Anchors,
    strides: tuple[int, ...],
    shapes: tuple[tuple[int, int], ...],
    device: torch.device,
) -> AnchorGrid:
    with torch.inference_mode(False):  # also what is first asked for in a prediction can be trained
        grid = _compute_grid(anchors, strides, shapes, device)
        _ = grid.boxes_A4
        return grid


def _compute_grid(
    anchors: Anchors,
    strides: tuple[int, ...],
    shapes: tuple[tuple[int, int], ...],
    device: torch.device,
) -> AnchorGrid:
    rows: list[Tensor] = []
    columns: list[Tensor] = []
    input_height, input_width = (side * strides[0] for side in shapes[0])
    for stride, (height, width) in zip(strides, shapes, strict=True):
        sizes_S2 = torch.tensor(shape_sizes(anchors, stride), device=device)
        step_x, step_y = stride, stride
        if anchors.rounded:
            step_x, step_y = input_width // width, input_height // height
        columns.append(_intervals(width, step_x, sizes_S2[:, :1]))
        rows.append(_intervals(height, step_y, sizes_S2[:, 1:]))
    return AnchorGrid(shapes, torch.cat(columns, dim=1), torch.cat(rows, dim=1))


def shape_sizes(anchors: Anchors, stride: int) -> list[tuple[float, float]]:
    """Return (width, height) in pixels of each anchor shape at ``stride``."""
    sizes: list[tuple[float, float]] = []
    for ratio in anchors.ratios:
        for octave in range(anchors.octaves):
            side = anchors.scale * stride * 2 ** (octave / anchors.octaves)
            if anchors.rounded:
                side = int(side)
            width, height = side / ratio**0.5, side * ratio**0.5
            if anchors.rounded:
                width, height = 2.0 * round(width / 2), 2.0 * round(height / 2)
            sizes.append((width, height))
    return sizes


def _intervals(count: int, step: int, lengths_S1: Tensor) -> Tensor:
    centres_N = torch.arange(count, device=lengths_S1.device, dtype=torch.float32) * step
    return torch.stack((centres_N - lengths_S1 / 2, centres_N + lengths_S1 / 2), dim=-1)
