"""Codes of backbones as whole numbers: how many blocks, how they are dealt out, where they double.

A code of n blocks is told by the sizes of its stages, the last of which has what is left, and by
the distances from each doubling to the next. Both are positive numbers with a bounded sum. So the
range of each follows from those before it, and every choice in range makes a code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise

import numpy as np

from smnas.space.choices import Branch, IntegerChoice


@dataclass(frozen=True)
class CodeShape:
    """What the built part of a code may be; ``rest`` follows it and is left alone."""

    groups: int
    fewest: int
    """Blocks of the shortest, at least one for each group and each doubling."""
    most: int
    doublings: int
    rest: str

    @property
    def branch(self) -> Branch:
        """The choices that tell a code."""
        below = tuple(
            _positive("stage", self.groups, 1, blocks)
            + _positive("doubling", self.doublings + 1, 0, blocks)
            for blocks in range(self.fewest, self.most + 1)
        )
        name = f"blocks-{self.fewest}-to-{self.most}"
        return Branch(IntegerChoice(name, self.fewest, self.most), below)

    @property
    def told_by(self) -> int:
        """How many numbers tell a code."""
        return self.groups + self.doublings

    def read(self, numbers: Sequence[int]) -> str:
        """Return the code that ``numbers`` tell, with ``rest``; ``tell_code`` gives them back.

        >>> CodeShape(3, 4, 9, 2, rest="-1").read([5, 2, 1, 2, 1])
        '12-2-11-1'
        """
        places = accumulate(numbers[self.groups :])
        cuts = accumulate(numbers[1 : self.groups])
        return _write(numbers[0], list(cuts), [place - 1 for place in places]) + self.rest

    def sample(self, rng: np.random.Generator) -> str:
        """Return a code with ``rest``, its number of blocks drawn evenly."""
        blocks = int(rng.integers(self.fewest, self.most + 1))
        cuts = sorted(rng.choice(np.arange(1, blocks), self.groups - 1, replace=False).tolist())
        doublings = rng.choice(blocks, self.doublings, replace=False).tolist()
        return _write(blocks, cuts, doublings) + self.rest


def tell_code(code: str) -> list[int]:
    """Return the numbers that tell ``code``, in the order of ``CodeShape.branch``.

    >>> tell_code("12-2-11")
    [5, 2, 1, 2, 1]
    """
    sizes = [len(group) for group in code.split("-")]
    digits = code.replace("-", "")
    places = [i for i, digit in enumerate(digits, start=1) if digit == "2"]
    return [len(digits), *sizes[:-1], *(b - a for a, b in pairwise([0, *places]))]


def _write(blocks: int, cuts: Sequence[int], doublings: Sequence[int]) -> str:
    """Return the code with hyphens before the blocks ``cuts`` and a ``2`` at ``doublings``."""
    digits = ["2" if i in doublings else "1" for i in range(blocks)]
    bounds = [0, *cuts, blocks]
    return "-".join("".join(digits[a:b]) for a, b in pairwise(bounds))


@cache
def _positive(what: str, parts: int, last: int, total: int, at: int = 1) -> tuple[Branch, ...]:
    """Return the choice of the next of ``parts`` positive numbers, and so on.

    The last one is not chosen: it is what is left of ``total``, and at least ``last``.
    """
    if at == parts:
        return ()
    high = total - (parts - at - 1) - last
    name = f"{what}-{at}-of-{parts - 1 + last}-in-{total}"
    rests = (total - taken for taken in range(1, high + 1))
    below = tuple(_positive(what, parts, last, rest, at + 1) for rest in rests)
    return (Branch(IntegerChoice(name, 1, high), below),)
