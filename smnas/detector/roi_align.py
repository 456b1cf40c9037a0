"""RoIAlign (He et al. 2017, "Mask R-CNN") for a whole batch: two interpolation matmuls.

Bilinear sampling is separable: a cell's value is a weighted sum over rows of a weighted sum over
columns. Both sums are matrix products, which run on all cores and in bf16, where torchvision's
operator runs on one. Half-pixel aligned, two samples per cell and axis.

Tensor letters: I rows and J columns of a RoI's cells, R RoIs of each picture.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from smnas.detector.boxes import box_areas

_SAMPLES = 2
"""Samples per cell and axis."""
_CANONICAL_SIDE = 224.0
_CANONICAL_LEVEL = 3
"""RoIs of 224 x 224 pixels come from P3, ResNet's C4 (Lin et al. 2017, equation 1)."""


class RoiAlign(nn.Module):
    """Cuts RoIs out of a pyramid, each from the level that fits its size."""

    def __init__(self, cells: int, levels: Sequence[int], strides: Sequence[int]) -> None:
        """Take numbers.

        Args:
            cells: Side of the output.
            levels: Numbers of the levels that RoIs come from, ascending: 3 for P3.
            strides: Pixels per position of these levels.
        """
        super().__init__()
        self.cells = cells
        self.levels = tuple(levels)
        self.strides = tuple(strides)

    def forward(self, maps: Sequence[Tensor], boxes_BR4: Tensor, valid_BR: Tensor) -> Tensor:
        """Return the features of each RoI, (B, R, C, cells, cells).

        Args:
            maps: The levels' maps (B, C, H, W).
            boxes_BR4: float32, pixels of the network input; no gradient flows to them.
            valid_BR: bool; the others have features 0.
        """
        batch, rois = valid_BR.shape
        level_BR = assign_levels(boxes_BR4, self.levels).masked_fill(~valid_BR, -1)
        features_NCIJ: list[Tensor] = []
        places: list[Tensor] = []
        for level, (maps_BCHW, stride) in enumerate(zip(maps, self.strides, strict=True)):
            here_BR = level_BR == level
            most = int(here_BR.sum(dim=1).max())
            if most == 0:
                continue
            index_BM = here_BR.byte().topk(most, dim=1).indices
            chosen_BM4 = boxes_BR4.gather(1, index_BM[..., None].expand(-1, -1, 4))
            aligned = align_rois(maps_BCHW, chosen_BM4 / stride, self.cells)
            real_BM = here_BR.gather(1, index_BM)
            first = torch.arange(batch, device=index_BM.device)[:, None] * rois
            features_NCIJ.append(aligned[real_BM])
            places.append((index_BM + first)[real_BM])
        shape = (batch * rois, maps[0].shape[1], self.cells, self.cells)
        if not places:
            return maps[0].new_zeros(shape).unflatten(0, (batch, rois))
        features = torch.cat(features_NCIJ)
        return (
            features.new_zeros(shape)
            .index_put((torch.cat(places),), features)
            .unflatten(0, (batch, rois))
        )


def assign_levels(boxes_BR4: Tensor, levels: Sequence[int]) -> Tensor:
    """Return the position in ``levels`` of each RoI's level, by its size (FPN paper, equation 1).

    Args:
        boxes_BR4: float32, pixels.
        levels: Numbers of the levels that there are, ascending; RoIs of others go to the nearest.
    """
    side_BR = box_areas(boxes_BR4).clamp(min=0).sqrt()
    # The small number puts sides of exactly 224 * 2^n on the upper level, as torchvision does.
    level_BR = torch.floor(_CANONICAL_LEVEL + torch.log2(side_BR / _CANONICAL_SIDE + 1e-6))
    return level_BR.clamp(levels[0], levels[-1]).long() - levels[0]


def align_rois(maps_BCHW: Tensor, boxes_BR4: Tensor, cells: int) -> Tensor:
    """Return the features of the RoIs of one level, (B, R, C, cells, cells).

    Args:
        maps_BCHW: Features.
        boxes_BR4: float32, in positions of the map.
        cells: Side of the output.
    """
    batch, channels, height, width = maps_BCHW.shape
    rois = boxes_BR4.shape[1]
    left, top, right, bottom = boxes_BR4.unbind(-1)
    rows_BRIH = interpolation_weights(top, bottom, cells, height).to(maps_BCHW.dtype)
    columns_BRJW = interpolation_weights(left, right, cells, width).to(maps_BCHW.dtype)
    maps_BHCW = maps_BCHW.transpose(1, 2).flatten(2)
    rows_BRICW = torch.bmm(rows_BRIH.flatten(1, 2), maps_BHCW)
    cells_RICJ = torch.bmm(
        rows_BRICW.view(batch * rois, cells * channels, width),
        columns_BRJW.flatten(0, 1).transpose(1, 2),
    )
    return cells_RICJ.view(batch, rois, cells, channels, cells).transpose(2, 3)


@torch.no_grad()
def interpolation_weights(start_BR: Tensor, end_BR: Tensor, cells: int, length: int) -> Tensor:
    """Return how much each position of an axis counts for each cell, (B, R, cells, ``length``).

    Args:
        start_BR: Where the RoI starts, in positions.
        end_BR: Where it ends.
        cells: Cells between them.
        length: Positions of the axis.
    """
    device = start_BR.device
    offsets = (torch.arange(cells * _SAMPLES, device=device) + 0.5) / _SAMPLES
    step = (end_BR - start_BR) / cells
    # The centre of position 0 is at coordinate 0.5.
    points = start_BR[..., None] - 0.5 + offsets * step[..., None]
    inside = (points >= -1) & (points <= length)
    points = points.clamp(0, length - 1).masked_fill_(~inside, -2.0)
    distance = points[..., None] - torch.arange(length, device=device)
    weights = distance.abs_().neg_().add_(1).clamp_(min=0)
    return weights.unflatten(2, (cells, _SAMPLES)).mean(dim=3)
