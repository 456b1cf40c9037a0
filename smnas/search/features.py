"""Archs as numbers: what a model of accuracy and cost is told, and multiply-adds without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from smnas.arch import DetectorArch
from smnas.arch.backbone_code import BlockPlan, plan_groups
from smnas.arch.parts import (
    BLOCKS,
    CascadeHead,
    FpnNeck,
    NamedBackbone,
    NoProposals,
    Norm,
    RetinaHead,
)
from smnas.space.coding import code_backbone
from smnas.trial.budget import Budget

Vector = NDArray[np.float64]

_EXPANSION = {"basicblock": 1, "bottleneck": 4, "xbottleneck": 4, "inverted": 1}
_ROI_CELLS = 49
_NORMS: tuple[Norm, ...] = get_args(Norm)


@dataclass(frozen=True)
class _Built:
    """The part of a code that is built."""

    macs_per_cell: float
    """Multiply-adds for each position at stride 4."""
    ends: tuple[int, ...]
    """Channels that each group hands on."""
    depths: tuple[int, ...]
    """Blocks of each group; 0 where it is not built."""
    widths: tuple[int, ...]
    """Of each group's last block; 1 where it is not built."""


def approximate_macs_g(arch: DetectorArch) -> float:
    """Return roughly the billions of multiply-adds of ``arch``, to tell cheap from dear.

    Convolutions of backbone, neck and heads, and the layers over the kept proposals; a backbone by
    name counts as its code. What is exact is counted on the network (``measure.cost``).
    """
    backbone, area = _built(arch), _cells(arch)
    return (area * backbone.macs_per_cell + _neck_and_head_macs(arch, area, backbone.ends)) / 1e9


def _cells(arch: DetectorArch) -> float:
    height, width = arch.input.padded
    return height * width / 16


def _built(arch: DetectorArch) -> _Built:
    backbone = code_backbone(arch.backbone)
    return _read_code(backbone.block, backbone.base, backbone.code, arch.roi_levels[-1])


@lru_cache(maxsize=4096)
def _read_code(block: str, base: int, code: str, top: int) -> _Built:
    macs = 27 * base / 2 * 4 + 9 * base**2 / 2
    channels, ends = base, list[int]()
    groups = plan_groups(code, base)
    for level, group in enumerate(groups[:top]):
        for plan in group:
            macs += _block_macs(block, channels, plan) / 4**level
            channels = plan.planes * _EXPANSION[block]
        ends.append(channels)
    built = [group if at < top else () for at, group in enumerate(groups)]
    widths = tuple(group[-1].planes if group else 1 for group in built)
    return _Built(macs, tuple(ends), tuple(map(len, built)), widths)


def _block_macs(kind: str, channels: int, block: BlockPlan) -> float:
    """Return the multiply-adds of a block at each position of its output."""
    planes, out = block.planes, block.planes * _EXPANSION[kind]
    shortcut = channels * out if channels != out or block.stride > 1 else 0
    if kind == "basicblock":
        return 9 * planes * (channels + planes) + shortcut
    if kind == "bottleneck":
        return channels * planes + 9 * planes**2 + planes * out + shortcut
    if kind == "xbottleneck":  # groups of 4 channels, twice as wide inside
        return 2 * channels * planes + 72 * planes + 2 * planes * out + shortcut
    inner = 6 * channels
    return channels * inner + 9 * inner + inner * out


def _neck_and_head_macs(arch: DetectorArch, area: float, ends: Sequence[int]) -> float:
    neck, head, proposals = arch.neck, arch.head, arch.proposals
    width = neck.width if isinstance(neck, FpnNeck) else ends[-1]
    cells = {level: area / 4 ** (level - 1) for level in neck.levels}
    macs = 0.0
    if isinstance(neck, FpnNeck):
        for level in neck.lateral_levels:
            macs += cells[level] * width * (ends[level - 1] + 9 * width)
    if isinstance(head, RetinaHead):
        per_cell = 9 * width * (2 * head.convs * width + 6 * head.anchors.per_position)
        return macs + sum(cells.values()) * per_cell
    macs += sum(cells.values()) * 9 * width**2
    if isinstance(proposals, NoProposals):
        return macs
    stages = head.stages if isinstance(head, CascadeHead) else 1
    return macs + proposals.kept * stages * head.fc * (_ROI_CELLS * width + head.fc)


def describe_arch(arch: DetectorArch) -> Vector:
    """Return what tells ``arch`` apart, as a fixed number of numbers; widths and counts as logs.

    The first is that of its multiply-adds.
    """
    backbone, neck, head = code_backbone(arch.backbone), arch.neck, arch.head
    built = _built(arch)
    width, height = arch.input.width, arch.input.height
    stages = 0 if isinstance(head, RetinaHead) else 1
    return np.array(
        [
            log(approximate_macs_g(arch)),
            log(width * height),
            log(width / height),
            *(float(backbone.block == kind) for kind in BLOCKS),
            float(isinstance(arch.backbone, NamedBackbone)),
            log(backbone.base),
            *built.depths,
            log(sum(built.depths)),
            *map(log, built.widths),
            log(neck.width) if isinstance(neck, FpnNeck) else 0.0,
            float(isinstance(neck, FpnNeck)),
            float(isinstance(neck, FpnNeck) and neck.extra != "pool"),
            neck.levels[0],
            neck.levels[-1],
            arch.roi_levels[-1],
            float(arch.proposals.kind == "ga-rpn"),
            head.stages if isinstance(head, CascadeHead) else stages,
            float(_NORMS.index(arch.norm)),
        ],
        dtype=np.float64,
    )


def describe_budget(budget: Budget) -> Vector:
    """Return how long a training is, and how far into its schedule it goes, as logs."""
    return np.array([log(budget.epochs), log(budget.epochs / budget.schedule.epochs)])
