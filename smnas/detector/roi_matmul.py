"""RoIAlign as two interpolation matmuls, for a CPU.

Bilinear sampling is separable: a cell is a weighted sum over columns of weighted sums over rows.
Both sums are matrix products, which run on all cores and in bf16, where torchvision's operator runs
on one core in float32. The two agree to 5e-5.

A RoI has no weight outside a small part of its map. So RoIs are grouped by the window of the map
that holds them, and the products run over that window alone.

Tensor letters: I rows and J columns of a RoI's cells, S samples along an axis, N the RoIs of one
level, M those of one group.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SAMPLES = 2
"""Samples per cell and axis."""
_SMALLEST_WINDOW = 32
"""Positions; below it, more groups cost more than smaller products save."""


@dataclass(frozen=True)
class _Group:
    """The RoIs of one picture on one level that lie in one window of the map."""

    level: int
    picture: int
    top: slice
    left: slice
    roi_M: Tensor
    rows_MIH: Tensor
    columns_MJW: Tensor


class Samples(NamedTuple):
    """Where RoIs are sampled along one axis, and the windows that hold these samples."""

    points_NS: Tensor
    """float32, in positions; -2 past a window's start, where nothing is, for samples outside."""
    origin_N: Tensor
    """int64: first position of the window, which the points are counted from."""
    side_N: Tensor
    """int64: positions of the window."""

    def weights(self, order_N: Tensor) -> Tensor:
        """Return how much each position of the window counts for each cell, (N, cells, side).

        Args:
            order_N: int64: which RoIs, in which order. The last axis is as long as the largest
                window; beyond their own RoIs have weight 0.
        """
        points_NS = self.points_NS[order_N]
        positions = torch.arange(int(self.side_N.max()), device=points_NS.device)
        weights = (points_NS[..., None] - positions).abs_().neg_().add_(1).clamp_(min=0)
        return weights.unflatten(1, (-1, SAMPLES)).mean(dim=2)


def align_by_matmul(
    maps: Sequence[Tensor],
    boxes_BR4: Tensor,
    level_BR: Tensor,
    cells: int,
    strides: Sequence[int],
    aligned: bool = True,
) -> Tensor:
    """Return the features of each RoI, (B, R, cells, C, cells): rows, channels, columns.

    Args:
        maps: The levels' maps (B, C, H, W).
        boxes_BR4: float32, pixels; no gradient flows to them.
        level_BR: Position in ``maps`` of each RoI's level; -1: features are 0.
        cells: Side of the output.
        strides: Pixels per position of each level.
        aligned: As ``RoiAlign`` takes it.
    """
    with torch.no_grad():
        groups = list(_plan(maps, boxes_BR4, level_BR, cells, strides, aligned))
    return _MatmulAlign.apply(groups, level_BR.shape[1], cells, *maps)


def sample_axis(start_N: Tensor, end_N: Tensor, cells: int, length: int) -> Samples:
    """Return where RoIs are sampled along an axis.

    Args:
        start_N: Where each RoI starts, in positions of the axis; position 0 is at 0.
        end_N: Where it ends.
        cells: Cells between them.
        length: Positions of the axis.
    """
    samples = (torch.arange(cells * SAMPLES, device=start_N.device) + 0.5) / SAMPLES
    points_NS = torch.addcmul(start_N[:, None], samples, (end_N - start_N)[:, None] / cells)
    outside_NS = (points_NS < -1) | (points_NS > length)
    points_NS = points_NS.clamp_(0, length - 1)
    first_N, last_N = points_NS.amin(dim=1).floor(), points_NS.amax(dim=1).floor() + 1
    # Windows start at multiples of a quarter of their side, and three quarters hold the samples.
    quarter_N = ((last_N - first_N + 1) / 3).clamp(min=_SMALLEST_WINDOW / 4).log2().ceil().exp2()
    side_N = (4 * quarter_N).clamp(max=length)
    origin_N = torch.minimum(
        first_N.div(quarter_N, rounding_mode="floor") * quarter_N, length - side_N
    )
    points_NS = points_NS.sub_(origin_N[:, None]).masked_fill_(outside_NS, -2.0)
    return Samples(points_NS, origin_N.long(), side_N.long())


def _plan(
    maps: Sequence[Tensor],
    boxes_BR4: Tensor,
    level_BR: Tensor,
    cells: int,
    strides: Sequence[int],
    aligned: bool,
) -> Iterator[_Group]:
    for level, (maps_BCHW, stride) in enumerate(zip(maps, strides, strict=True)):
        picture_N, roi_N = (level_BR == level).nonzero(as_tuple=True)
        if len(roi_N) == 0:
            continue
        left, top, right, bottom = _to_positions(boxes_BR4[picture_N, roi_N] / stride, aligned)
        rows = sample_axis(top, bottom, cells, maps_BCHW.shape[2])
        columns = sample_axis(left, right, cells, maps_BCHW.shape[3])
        places_N5 = torch.stack(
            (picture_N, rows.origin_N, rows.side_N, columns.origin_N, columns.side_N), dim=1
        )
        places, group_N, counts = places_N5.unique(dim=0, return_inverse=True, return_counts=True)
        order_N = group_N.argsort(stable=True)
        counts = counts.tolist()
        pieces = zip(
            places.tolist(),
            roi_N[order_N].split(counts),
            rows.weights(order_N).to(maps_BCHW.dtype).split(counts),
            columns.weights(order_N).to(maps_BCHW.dtype).split(counts),
            strict=True,
        )
        for (picture, top, height, left, width), roi_M, rows_MIH, columns_MJW in pieces:
            yield _Group(
                level,
                picture,
                slice(top, top + height),
                slice(left, left + width),
                roi_M,
                rows_MIH[..., :height],
                columns_MJW[..., :width],
            )


def _to_positions(boxes_N4: Tensor, aligned: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the sides of boxes in strides as coordinates in which position 0 is at 0."""
    if aligned:
        boxes_N4 = boxes_N4 - 0.5
    left, top, right, bottom = boxes_N4.unbind(-1)
    if not aligned:
        right, bottom = torch.maximum(right, left + 1), torch.maximum(bottom, top + 1)
    return left, top, right, bottom


class _MatmulAlign(torch.autograd.Function):
    """The matmuls, group by group.

    The sums over rows are much larger than what goes in and what comes out: one group at a time
    they stay in the cache, and none is kept for the backward pass.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] - any arguments are allowed
        ctx: Any, groups: list[_Group], rois: int, cells: int, *maps: Tensor
    ) -> Tensor:
        batch, channels = maps[0].shape[:2]
        features_BRICJ = maps[0].new_zeros(batch, rois, cells, channels, cells)
        with torch.autocast(maps[0].device.type, enabled=False):
            for group in groups:
                window_CHW = maps[group.level][group.picture, :, group.top, group.left]
                window_HX = window_CHW.transpose(0, 1).flatten(1)
                sums_MX = torch.mm(group.rows_MIH.flatten(0, 1), window_HX)
                sums_MXW = sums_MX.view(len(group.roi_M), cells * channels, -1)
                cells_MXJ = torch.bmm(sums_MXW, group.columns_MJW.transpose(1, 2))
                features_RICJ = features_BRICJ[group.picture]
                features_RICJ[group.roi_M] = cells_MXJ.view(-1, cells, channels, cells)
        ctx.groups = groups
        ctx.map_shapes = [level.shape for level in maps]
        return features_BRICJ

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the wrapper renames it
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        (grad_BRICJ,) = grads
        # Windows overlap: what several of them add up must not be rounded each time.
        map_grads = [grad_BRICJ.new_zeros(shape, dtype=torch.float32) for shape in ctx.map_shapes]
        with torch.autocast(grad_BRICJ.device.type, enabled=False):
            for group in ctx.groups:
                window_CHW = map_grads[group.level][group.picture, :, group.top, group.left]
                channels, height, width = window_CHW.shape
                grad_MXJ = grad_BRICJ[group.picture, group.roi_M].flatten(1, 2)
                sums_MXW = torch.bmm(grad_MXJ, group.columns_MJW)
                sums_MX = sums_MXW.view(-1, channels * width)
                window_HX = torch.mm(group.rows_MIH.flatten(0, 1).t(), sums_MX)
                window_CHW += window_HX.view(height, channels, width).transpose(0, 1)
        return None, None, None, *(grad.to(grad_BRICJ.dtype) for grad in map_grads)
