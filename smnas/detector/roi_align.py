"""RoIAlign (He et al. 2017, "Mask R-CNN") over the levels of a pyramid.

Two samples per cell and axis. On a CPU it goes through our matmuls (see ``roi_matmul``); on other
devices, and in what is compiled, it is torchvision's operator. Where a graph is captured it is one
operator; ``smnas.export.translations`` says what it is in a file.

Tensor letters: I rows and J columns of a RoI's cells, R RoIs of each picture.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from smnas.detector.boxes import box_areas
from smnas.detector.roi_matmul import SAMPLES, align_by_matmul

_CANONICAL_SIDE = 224.0
_CANONICAL_LEVEL = 4
"""RoIs of 224 x 224 pixels come from the paper's P4, our P3 (Lin et al. 2017, equation 1)."""


class RoiAlign(nn.Module):
    """Cuts RoIs out of a pyramid, each from the level that fits its size."""

    def __init__(
        self, cells: int, levels: Sequence[int], strides: Sequence[int], aligned: bool = True
    ) -> None:
        """Take numbers.

        Args:
            cells: Side of the output.
            levels: Numbers of the levels that RoIs come from, ascending: 3 for P3.
            strides: Pixels per position of these levels.
            aligned: Whether the centre of position 0 is at half a stride, rather than at 0, where
                RoIs are also made at least one position wide and high.
        """
        super().__init__()
        self.cells = cells
        self.levels = tuple(levels)
        self.strides = tuple(strides)
        self.aligned = aligned

    def forward(self, maps: Sequence[Tensor], boxes_BR4: Tensor, valid_BR: Tensor) -> Tensor:
        """Return the features of each RoI, (B, R, cells, C, cells): rows, channels, columns.

        Args:
            maps: The levels' maps (B, C, H, W).
            boxes_BR4: float32, pixels of the network input; no gradient flows to them.
            valid_BR: bool; the others have features 0.
        """
        level_BR = assign_levels(boxes_BR4, self.levels).masked_fill(~valid_BR, -1)
        maps, strides = list(maps), list(self.strides)
        if torch.compiler.is_compiling():
            return torch.ops.smnas.align_rois(
                maps, boxes_BR4, level_BR, self.cells, strides, self.aligned
            )
        by = align_by_matmul if maps[0].device.type == "cpu" else align_by_torchvision
        return by(maps, boxes_BR4, level_BR, self.cells, strides, self.aligned)


def align_by_torchvision(
    maps: Sequence[Tensor],
    boxes_BR4: Tensor,
    level_BR: Tensor,
    cells: int,
    strides: Sequence[int],
    aligned: bool,
) -> Tensor:
    """Return what ``align_by_matmul`` does, by torchvision's operator."""
    batch, rois = level_BR.shape
    picture_BR = torch.arange(batch, device=boxes_BR4.device)[:, None].expand(batch, rois)
    rois_N5 = torch.cat((picture_BR[..., None].to(boxes_BR4), boxes_BR4), dim=-1).flatten(0, 1)
    features_NCIJ = maps[0].new_zeros(batch * rois, maps[0].shape[1], cells, cells)
    for level, (maps_BCHW, stride) in enumerate(zip(maps, strides, strict=True)):
        (here_M,) = (level_BR.flatten() == level).nonzero(as_tuple=True)
        found = roi_align(
            maps_BCHW.float(), rois_N5[here_M], (cells, cells), 1 / stride, SAMPLES, aligned
        )
        features_NCIJ = features_NCIJ.index_put((here_M,), found.to(features_NCIJ.dtype))
    return features_NCIJ.transpose(1, 2).unflatten(0, (batch, rois))


@torch.library.custom_op("smnas::align_rois", mutates_args=())
def _align_captured(
    maps: list[Tensor],
    boxes_BR4: Tensor,
    level_BR: Tensor,
    cells: int,
    strides: list[int],
    aligned: bool,
) -> Tensor:
    """Align RoIs as one operator of a captured graph, whatever the number of RoIs on each level."""
    found = align_by_torchvision(maps, boxes_BR4, level_BR, cells, strides, aligned)
    return found.contiguous()


@_align_captured.register_fake
def _(
    maps: list[Tensor],
    boxes_BR4: Tensor,
    level_BR: Tensor,
    cells: int,
    strides: list[int],
    aligned: bool,
) -> Tensor:
    return maps[0].new_empty(*level_BR.shape, cells, maps[0].shape[1], cells)


ALIGN_ROIS = torch.ops.smnas.align_rois.default
"""The operator, as a captured graph names it."""


def assign_levels(boxes_BR4: Tensor, levels: Sequence[int]) -> Tensor:
    """Return the position in ``levels`` of each RoI's level, by its size (FPN paper, equation 1).

    Args:
        boxes_BR4: float32, pixels.
        levels: Numbers of the levels that there are, ascending; RoIs of others go to the nearest.
    """
    side_BR = box_areas(boxes_BR4).clamp(min=0).sqrt()
    # The small number puts sides of exactly 224 * 2^n on the upper level, as torchvision does.
    paper_BR = torch.floor(_CANONICAL_LEVEL + torch.log2(side_BR / _CANONICAL_SIDE) + 1e-6)
    return (paper_BR - 1).clamp(levels[0], levels[-1]).long() - levels[0]
