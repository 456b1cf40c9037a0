"""How much a block computes, and which others are alike, so that its time follows from theirs."""

from dataclasses import dataclass
from functools import cache

import torch
from torch.utils._pytree import tree_leaves

from smnas.measure.blocks import parts
from smnas.measure.blocks.build import build_block
from smnas.measure.cost import count_macs


@dataclass(frozen=True)
class Work:
    """What the time of a block depends on, among those that are alike.

    Attributes:
        alike: Names them; None: of such blocks time does not follow from these numbers.
        macs: Multiply-adds.
        values: Numbers that go in and come out.
    """

    alike: str | None
    macs: int = 0
    values: int = 0


@cache
def work_of(block: parts.Block) -> Work:
    """Return what a block computes; of those that no group is known for nothing is counted."""
    alike = what_is_alike(block)
    if alike is None:
        return Work(None)
    with torch.device("meta"):  # shapes alone; nothing is computed
        module, shapes = build_block(block)
        given = [torch.empty(shape) for shape in shapes]
        found: list[torch.Tensor] = []
        macs = count_macs(lambda: found.extend(tree_leaves(module(*given))))
    return Work(alike, macs, sum(tensor.numel() for tensor in (*given, *found)))


def what_is_alike(block: parts.Block) -> str | None:
    """Return what blocks share that compute the same but for widths and sizes of maps.

    None: the time of such a block does not follow from others'.
    """
    told: tuple[object, ...]
    match block:
        case parts.Residual():
            told = (block.kind, block.stride, block.norm)
        case parts.Conv():
            told = (block.kernel, block.stride, block.norm)
        case parts.Tower():
            told = (block.convs, block.norm)
        case parts.Stem() | parts.Merge() | parts.RpnLevel():
            told = (block.norm,)
        case parts.Pool():
            told = ()
        case _:
            return None
    return " ".join(map(str, (type(block).__name__, *told)))
