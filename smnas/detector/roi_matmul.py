"""RoIAlign as two interpolation matmuls, for training on a CPU.

Bilinear sampling is separable: a cell is a weighted sum over columns of weighted sums over rows.
Both sums are matrix products, which run on all cores and in bf16, where torchvision's operator runs
on one core in float32. The two agree to 5e-5.

Tensor letters: I rows and J columns of a RoI's cells; M the RoIs of one picture on one level.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SAMPLES = 2
"""Samples per cell and axis."""


@dataclass(frozen=True)
class _Step:
    """The RoIs of one picture on one level."""

    level: int
    picture: int
    roi_M: Tensor
    rows_MIH: Tensor
    columns_MJW: Tensor


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
        steps = list(_plan(maps, boxes_BR4, level_BR, cells, strides, aligned))
    return _MatmulAlign.apply(steps, level_BR.shape[1], cells, *maps)


def interpolation_weights(start_N: Tensor, end_N: Tensor, cells: int, length: int) -> Tensor:
    """Return how much each position of an axis counts for each cell, (N, cells, ``length``).

    Args:
        start_N: Where each RoI starts, in positions of the axis; position 0 is at 0.
        end_N: Where it ends.
        cells: Cells between them.
        length: Positions of the axis.
    """
    device = start_N.device
    samples = (torch.arange(cells * SAMPLES, device=device) + 0.5) / SAMPLES
    points = torch.addcmul(start_N[:, None], samples, (end_N - start_N)[:, None] / cells)
    inside = (points >= -1) & (points <= length)
    points = points.clamp_(0, length - 1).masked_fill_(~inside, -2.0)
    distances = points[..., None] - torch.arange(length, device=device)
    weights = distances.abs_().neg_().add_(1).clamp_(min=0)
    return weights.unflatten(1, (cells, SAMPLES)).mean(dim=2)


def _plan(
    maps: Sequence[Tensor],
    boxes_BR4: Tensor,
    level_BR: Tensor,
    cells: int,
    strides: Sequence[int],
    aligned: bool,
) -> Iterator[_Step]:
    for level, (maps_BCHW, stride) in enumerate(zip(maps, strides, strict=True)):
        picture_N, roi_N = (level_BR == level).nonzero(as_tuple=True)
        left, top, right, bottom = _to_positions(boxes_BR4[picture_N, roi_N] / stride, aligned)
        height, width = maps_BCHW.shape[-2:]
        rows_NIH = interpolation_weights(top, bottom, cells, height).to(maps_BCHW.dtype)
        columns_NJW = interpolation_weights(left, right, cells, width).to(maps_BCHW.dtype)
        counts = torch.bincount(picture_N, minlength=len(level_BR)).tolist()
        pieces = zip(
            roi_N.split(counts), rows_NIH.split(counts), columns_NJW.split(counts), strict=True
        )
        for picture, (roi_M, rows_MIH, columns_MJW) in enumerate(pieces):
            if len(roi_M):
                yield _Step(level, picture, roi_M, rows_MIH, columns_MJW)


def _to_positions(boxes_N4: Tensor, aligned: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the sides of boxes in strides as coordinates in which position 0 is at 0."""
    if aligned:
        boxes_N4 = boxes_N4 - 0.5
    left, top, right, bottom = boxes_N4.unbind(-1)
    if not aligned:
        right, bottom = torch.maximum(right, left + 1), torch.maximum(bottom, top + 1)
    return left, top, right, bottom


class _MatmulAlign(torch.autograd.Function):
    """The matmuls, picture by picture.

    The sums over rows are much larger than what goes in and what comes out: one picture at a time
    they stay in the cache, and none is kept for the backward pass.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] - any arguments are allowed
        ctx: Any, steps: list[_Step], rois: int, cells: int, *maps: Tensor
    ) -> Tensor:
        batch, channels = maps[0].shape[:2]
        features_BRICJ = maps[0].new_zeros(batch, rois, cells, channels, cells)
        with torch.autocast(maps[0].device.type, enabled=False):
            for step in steps:
                map_HX = maps[step.level][step.picture].transpose(0, 1).flatten(1)
                sums_MX = torch.mm(step.rows_MIH.flatten(0, 1), map_HX)
                sums_MXW = sums_MX.view(len(step.roi_M), cells * channels, -1)
                cells_MXJ = torch.bmm(sums_MXW, step.columns_MJW.transpose(1, 2))
                features_RICJ = features_BRICJ[step.picture]
                features_RICJ[step.roi_M] = cells_MXJ.view(-1, cells, channels, cells)
        ctx.steps = steps
        ctx.map_shapes = [level.shape for level in maps]
        return features_BRICJ

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the wrapper renames it
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        (grad_BRICJ,) = grads
        map_grads = [grad_BRICJ.new_zeros(shape) for shape in ctx.map_shapes]
        with torch.autocast(grad_BRICJ.device.type, enabled=False):
            for step in ctx.steps:
                _, channels, height, width = ctx.map_shapes[step.level]
                grad_MXJ = grad_BRICJ[step.picture, step.roi_M].flatten(1, 2)
                sums_MXW = torch.bmm(grad_MXJ, step.columns_MJW)
                sums_MX = sums_MXW.view(-1, channels * width)
                map_HX = torch.mm(step.rows_MIH.flatten(0, 1).t(), sums_MX)
                map_grad_CHW = map_HX.view(height, channels, width).transpose(0, 1)
                map_grads[step.level][step.picture] = map_grad_CHW
        return None, None, None, *map_grads
