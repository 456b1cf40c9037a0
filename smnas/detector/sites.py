"""3x3 convolutions at some positions of a pyramid and nowhere else.

A loss that looks at few positions needs few outputs, of one convolution as of a tower of them: each
output depends on the 3x3 patch below it, which depends on the 5x5 patch below that. What is not
needed is not computed, neither forwards nor backwards, and what is needed comes out the same.

Tensor letters: P positions over all levels, N wanted ones, M sites of one convolution, C channels.
Q rows of a picture's table: all positions, and a border of zeros around each level. R rows of the
tables of all pictures after each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SIDE = 3
_BORDER = _SIDE // 2


@dataclass(frozen=True)
class Sites:
    """Where each of several convolutions is to be computed, the first one first."""

    table: "_Table"
    rows: tuple[Tensor, ...]
    """int64, (M) of each convolution, ascending: rows along R."""
    wanted_N: Tensor
    """int64: rows along R of what is wanted of the last one."""

    @property
    def share(self) -> float:
        """Sites over all positions, as the mean over the convolutions."""
        positions = self.table.pictures * len(self.table.row_P)
        return sum(len(rows) for rows in self.rows) / (len(self.rows) * positions)

    def convolve(self, convs: Sequence[nn.Conv2d], maps: Sequence[Tensor]) -> Tensor:
        """Return the wanted outputs of ``convs`` with ReLUs between them, (N, channels).

        Args:
            convs: 3x3, of stride 1 and without groups, as many as the sites were made for.
            maps: The maps of all levels (B, C, H, W) that the first one takes, finest first.
        """
        features_RC = _pad_and_join(maps)
        place_R: Tensor | None = None
        for conv, rows_M in zip(convs, self.rows, strict=True):
            patch_M9 = self.table.neighbours(rows_M)
            if place_R is not None:  # features of the sites alone, and of nothing behind them
                patch_M9 = place_R[patch_M9]
                features_RC = F.pad(F.relu(features_RC), (0, 0, 0, 1))
            weight = conv.weight.permute(0, 2, 3, 1).flatten(1)
            patches = features_RC.index_select(0, patch_M9.flatten())
            features_RC = F.linear(patches.view(len(rows_M), weight.shape[1]), weight, conv.bias)
            place_R = self.table.new_rows(len(rows_M))
            place_R[rows_M] = torch.arange(len(rows_M), device=rows_M.device)
        return features_RC if place_R is None else features_RC[place_R[self.wanted_N]]


@dataclass(frozen=True)
class _Table:
    """The rows of a picture's table."""

    pictures: int
    row_P: Tensor
    """int64: row of each position."""
    stride_Q: Tensor
    """int64: rows from a position to the one below it."""
    inside_Q: Tensor
    """bool: a position, not border."""

    def new_rows(self, value: int) -> Tensor:
        """Return ``value`` for every row of all pictures, (R)."""
        return torch.full_like(self.stride_Q, value).repeat(self.pictures)

    def neighbours(self, rows_M: Tensor) -> Tensor:
        """Return the rows of the 3x3 patch around each, (M, 9), in the order of a kernel."""
        step_9 = torch.arange(_SIDE * _SIDE, device=rows_M.device)
        down_9, right_9 = step_9 // _SIDE - _BORDER, step_9 % _SIDE - _BORDER
        stride_M1 = self.stride_Q[rows_M % len(self.stride_Q)][:, None]
        return rows_M[:, None] + stride_M1 * down_9 + right_9

    def grow(self, rows_M: Tensor) -> Tensor:
        """Return the rows of all positions that are needed for a convolution at these."""
        needed_R = self.new_rows(0).bool()
        needed_R[self.neighbours(rows_M).flatten()] = True
        needed_R &= self.inside_Q.repeat(self.pictures)
        return needed_R.nonzero().squeeze(1)


def plan_sites(maps: Sequence[Tensor], picture_N: Tensor, position_N: Tensor, convs: int) -> Sites:
    """Return where ``convs`` convolutions after each other are needed for some outputs.

    Args:
        maps: The maps of all levels (B, C, H, W), finest first; only their shapes count.
        picture_N: int64: picture of each wanted output.
        position_N: int64: its index along P.
        convs: How many convolutions.
    """
    device = picture_N.device
    rows: list[Tensor] = []
    strides: list[Tensor] = []
    inside: list[Tensor] = []
    start = 0
    for level in maps:
        shape = (level.shape[-2], level.shape[-1])
        is_inside = F.pad(torch.ones(shape, dtype=torch.bool, device=device), (_BORDER,) * 4)
        inside.append(is_inside.flatten())
        rows.append(start + inside[-1].nonzero().squeeze(1))
        strides.append(torch.full_like(inside[-1], is_inside.shape[1], dtype=torch.int64))
        start += is_inside.numel()
    table = _Table(len(maps[0]), torch.cat(rows), torch.cat(strides), torch.cat(inside))
    wanted_N = picture_N * start + table.row_P[position_N]
    sites = [wanted_N.unique()]
    for _ in range(convs - 1):
        sites.append(table.grow(sites[-1]))
    return Sites(table, tuple(reversed(sites)), wanted_N)


def _pad_and_join(maps: Sequence[Tensor]) -> Tensor:
    """Return the channels of every row of all pictures' tables, (R, C)."""
    padded = [F.pad(level, (_BORDER,) * 4).permute(0, 2, 3, 1).flatten(1, 2) for level in maps]
    return torch.cat(padded, dim=1).flatten(0, 1)
