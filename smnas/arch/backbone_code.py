"""The code of a searched backbone: ``12-11111-211-1112`` (SM-NAS, section 3.2; paper.md 2.1).

A hyphen starts the next group, at half the resolution. ``1`` is a block that keeps the width, ``2``
one that doubles it. The four groups run at strides 4, 8, 16 and 32, and their ends are P1 to P4.
"""

import re
from dataclasses import dataclass

from smnas.errors import ArchError

NUM_GROUPS = 4
MAX_BLOCKS = 200
MAX_DOUBLINGS = 8
_SHAPE = re.compile(r"[12]+(-[12]+){3}")


@dataclass(frozen=True)
class BlockPlan:
    """One block: ``planes`` is its width before expansion, ``stride`` 2 where a group begins."""

    planes: int
    stride: int


def check_code(code: str) -> str:
    """Return ``code`` unchanged, or say what is wrong with it.

    Raises:
        ArchError: Not four groups of ``1`` and ``2``, or more of them than can be built.
    """
    if not _SHAPE.fullmatch(code):
        raise ArchError(
            f"backbone code {code!r}: expected {NUM_GROUPS} groups of the digits 1 (keep the "
            "width) and 2 (double it), joined by hyphens, such as '11-21-21-21'"
        )
    blocks = len(code) - (NUM_GROUPS - 1)
    if blocks > MAX_BLOCKS or code.count("2") > MAX_DOUBLINGS:
        raise ArchError(
            f"backbone code {code!r}: has {blocks} blocks and {code.count('2')} doublings; "
            f"at most {MAX_BLOCKS} blocks and {MAX_DOUBLINGS} doublings can be built"
        )
    return code


def plan_groups(code: str, base: int) -> tuple[tuple[BlockPlan, ...], ...]:
    """Return the blocks of each group.

    The first block of groups two to four carries stride 2; the stem has already taken the picture
    to stride 4 and ``base`` channels (paper.md 2.1).

    Args:
        code: A checked code.
        base: Channels of the stem's second convolution.

    Returns:
        Four tuples of blocks, for P1 to P4.
    """
    planes = base
    groups: list[tuple[BlockPlan, ...]] = []
    for group in check_code(code).split("-"):
        blocks: list[BlockPlan] = []
        for position, digit in enumerate(group):
            planes *= int(digit)
            starts_group = position == 0 and bool(groups)
            blocks.append(BlockPlan(planes, stride=2 if starts_group else 1))
        groups.append(tuple(blocks))
    return tuple(groups)
