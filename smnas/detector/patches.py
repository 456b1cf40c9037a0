"""What a 3x3 convolution sees at some positions of a pyramid: to compute it there and nowhere else.

Tensor letters: P positions over all levels, N chosen ones of each picture, Q rows of the table that
patches are read from: all positions and a border of zeros around each level.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SIDE = 3


def convolve_at(conv: nn.Conv2d, maps: Sequence[Tensor], position_BN: Tensor) -> Tensor:
    """Return what a 3x3 convolution of stride 1 puts out at some positions, (B, N, channels).

    Args:
        conv: The convolution, without groups.
        maps: The maps of all levels (B, C, H, W), finest first.
        position_BN: int64: index along P.
    """
    table_BQC = _pad_and_join(maps)
    batch, rows, channels = table_BQC.shape
    shapes = [(level.shape[-2], level.shape[-1]) for level in maps]
    row_BN9 = _rows_of_patches(shapes, position_BN.device)[position_BN]
    row_BN9 = row_BN9 + rows * torch.arange(batch, device=row_BN9.device)[:, None, None]
    patches_NC = table_BQC.flatten(0, 1).index_select(0, row_BN9.flatten())
    patches_BNX = patches_NC.view(*position_BN.shape, row_BN9.shape[-1] * channels)
    return F.linear(patches_BNX, conv.weight.permute(0, 2, 3, 1).flatten(1), conv.bias)


def _pad_and_join(maps: Sequence[Tensor]) -> Tensor:
    """Return the channels of all positions and of zeros around each level, (B, Q, C)."""
    border = _SIDE // 2
    padded = [F.pad(level, (border, border, border, border)) for level in maps]
    return torch.cat([level.permute(0, 2, 3, 1).flatten(1, 2) for level in padded], dim=1)


def _rows_of_patches(shapes: Sequence[tuple[int, int]], device: torch.device) -> Tensor:
    """Return where the patch around each position is in the table, (P, 9)."""
    parts: list[Tensor] = []
    start = 0
    for height, width in shapes:
        stride = width + _SIDE - 1
        rows = stride * torch.arange(height + _SIDE - 1, device=device)[:, None]
        table = start + rows + torch.arange(stride, device=device)
        parts.append(table.unfold(0, _SIDE, 1).unfold(1, _SIDE, 1).reshape(height * width, -1))
        start += table.numel()
    return torch.cat(parts)
