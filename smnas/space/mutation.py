"""The operators that change one thing, and the draw among the moves that they offer.

The paper names mutation in general terms only; the operators on codes are those of the same team's
sibling search (paper.md 2.4). We list every child of an operator before one is drawn: what has no
move is then known, and no draw has to be repeated.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from smnas.arch import DetectorArch
from smnas.errors import SpaceError

Moves = Mapping[str, tuple[DetectorArch, ...]]
"""Operators that have a move, each with its different children in a fixed order."""


def step(value: int, choices: Sequence[int]) -> list[int]:
    """Return the next smaller and the next larger of the rising ``choices``, where there are."""
    at = choices.index(value)
    return [choices[i] for i in (at - 1, at + 1) if 0 <= i < len(choices)]


def insert_block(code: str) -> list[str]:
    """Return every code with one more ``1``."""
    return _different(code, (code[:i] + "1" + code[i:] for i in range(len(code) + 1)))


def delete_block(code: str) -> list[str]:
    """Return every code with one ``1`` less; a group may come out empty."""
    return _different(
        code, (code[:i] + code[i + 1 :] for i, symbol in enumerate(code) if symbol == "1")
    )


def swap_symbols(code: str) -> list[str]:
    """Return every code in which a ``2`` or a hyphen has changed places with a neighbour.

    That moves a doubling of the width, or a halving of the resolution; a group may come out empty.
    """
    return _different(
        code, (code[:i] + code[i + 1] + code[i] + code[i + 2 :] for i in range(len(code) - 1))
    )


CODE_OPERATORS: dict[str, Callable[[str], list[str]]] = {
    "insert": insert_block,
    "delete": delete_block,
    "swap": swap_symbols,
}
"""The operators on backbone codes; which of their children are fit is the space's business."""


def pick_move(moves: Moves, rng: np.random.Generator) -> tuple[DetectorArch, str]:
    """Return a child and its operator: operators are drawn evenly, then children of it.

    Raises:
        SpaceError: There is no move.
    """
    if not moves:
        raise SpaceError("expected an arch that has a move left in its space; this one has none")
    operator = list(moves)[rng.integers(len(moves))]
    children = moves[operator]
    return children[rng.integers(len(children))], operator


def _different(parent: str, children: Iterable[str]) -> list[str]:
    """Return the children in the order of their first appearance, the parent left out."""
    return [child for child in dict.fromkeys(children) if child != parent]
