"""A space as a tree of integer and categorical choices, decoded without repair.

Below each option of a choice stand further choices, independent of each other. The values of the
choices that are met on the way name one member, and every member has one such assignment. A name
has the same range wherever it stands: searchers that know no conditions are given all choices at
once (``ChoiceTree.flat``), and the values that are not met are ignored.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Protocol

import numpy as np

from smnas.arch import DetectorArch
from smnas.errors import SpaceError, nearest

Value = int | str
Values = Mapping[str, Value]
"""What was chosen, by the names of the choices."""


@dataclass(frozen=True)
class IntegerChoice:
    """A whole number from ``low`` to ``high``, both included."""

    name: str
    low: int
    high: int

    @property
    def options(self) -> Sequence[int]:
        """All that can be chosen, in rising order."""
        return range(self.low, self.high + 1)

    def __str__(self) -> str:
        """Return what is allowed, in words."""
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class CategoricalChoice:
    """One of several texts, of which none is nearer to another."""

    name: str
    options: tuple[str, ...]

    def __str__(self) -> str:
        """Return what is allowed, in words."""
        return "one of " + ", ".join(map(repr, self.options))


Choice = IntegerChoice | CategoricalChoice


@dataclass(frozen=True, eq=False)
class Branch:
    """A choice, and for each of its options the branches below; the same ones may stand often."""

    choice: Choice
    below: tuple[tuple["Branch", ...], ...] = ()
    """One entry per option, or none at all where nothing follows."""

    def after(self, position: int) -> tuple["Branch", ...]:
        """Return what is to be chosen next where the option at ``position`` was taken."""
        return self.below[position] if self.below else ()

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many assignments there are with each option."""
        return tuple(
            prod(sum(branch.counts) for branch in self.after(at))
            for at in range(len(self.choice.options))
        )


class ChoiceTree:
    """The choices of a space, as independent branches; the order in which they are met is fixed."""

    def __init__(self, *branches: Branch) -> None:
        """Take the branches at the root.

        Raises:
            SpaceError: A name stands for different ranges.
        """
        self._branches = branches
        self.flat = _collect(branches)
        """Every choice that the tree has, each once."""
        self._names = {choice.name for choice in self.flat}

    @cached_property
    def size(self) -> int:
        """Number of assignments, which is that of members."""
        return prod(sum(branch.counts) for branch in self._branches)

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """Return an assignment; all are equally likely."""

        def draw(branch: Branch) -> int:
            shares = np.array(branch.counts, dtype=np.float64)
            return int(rng.choice(len(shares), p=shares / shares.sum()))

        return dict(self._walk(draw))

    def enumerate(self) -> Iterator[dict[str, Value]]:
        """Yield every assignment once, in the order of the options."""
        return _enumerate(self._branches)

    def order(self, values: Values) -> list[Value]:
        """Return the values of the choices that are met, in the order in which they are.

        Args:
            values: May hold values of other choices of the tree too; these are ignored.

        Raises:
            SpaceError: A value is missing or out of range, or a name is in no place of the tree.
        """
        strange = [name for name in values if name not in self._names]
        if strange:
            raise SpaceError(f"choice {strange[0]!r}: unknown; {nearest(strange[0], self._names)}")
        return [value for _, value in self._walk(lambda branch: _find(branch.choice, values))]

    def choose(self, pick: Callable[[Choice], Value]) -> dict[str, Value]:
        """Return the assignment that ``pick`` makes, asked about each choice when it is met.

        Raises:
            SpaceError: It picked what is out of range.
        """

        def take(branch: Branch) -> int:
            return _find(branch.choice, {branch.choice.name: pick(branch.choice)})

        return dict(self._walk(take))

    def name(self, ordered: Sequence[Value]) -> dict[str, Value]:
        """Return the assignment whose values ``order`` gives.

        Raises:
            SpaceError: A value is out of range, or there are too few or too many.
        """
        left = iter(ordered)

        def take(branch: Branch) -> int:
            value = next(left, None)
            return _find(branch.choice, {} if value is None else {branch.choice.name: value})

        named = dict(self._walk(take))
        if len(named) < len(ordered):
            raise SpaceError(f"expected {len(named)} values; got {len(ordered)}")
        return named

    def _walk(self, pick: Callable[[Branch], int]) -> Iterator[tuple[str, Value]]:
        """Yield name and value of each choice that is met; ``pick`` gives an option's position."""
        waiting = list(reversed(self._branches))
        while waiting:
            branch = waiting.pop()
            at = pick(branch)
            yield branch.choice.name, branch.choice.options[at]
            waiting.extend(reversed(branch.after(at)))


class ChoiceSpace(Protocol):
    """A space that states itself as a tree of choices."""

    @property
    def choices(self) -> ChoiceTree:
        """The tree: as many assignments as members."""
        ...

    def encode(self, arch: DetectorArch) -> dict[str, Value]:
        """Return the one assignment of a member.

        Raises:
            SpaceError: ``arch`` is not a member.
        """
        ...

    def decode(self, values: Values) -> DetectorArch:
        """Return the member of an assignment; values of choices that are not met are ignored.

        Raises:
            SpaceError: A value is missing, out of range, or of no choice of the tree.
        """
        ...


def _find(choice: Choice, values: Values) -> int:
    """Return the position of the option that ``values`` holds for ``choice``."""
    if choice.name not in values:
        raise SpaceError(f"choice {choice.name!r}: is missing; expected {choice}")
    value = values[choice.name]
    for at, option in enumerate(choice.options):
        if type(option) is type(value) and option == value:
            return at
    raise SpaceError(f"choice {choice.name!r}: expected {choice}; got {value!r}")


def _enumerate(branches: tuple[Branch, ...]) -> Iterator[dict[str, Value]]:
    if not branches:
        yield {}
        return
    first, others = branches[0], branches[1:]
    for at, option in enumerate(first.choice.options):
        for rest in _enumerate(first.after(at) + others):
            yield {first.choice.name: option, **rest}


def _collect(branches: tuple[Branch, ...]) -> tuple[Choice, ...]:
    """Return every choice of a tree once, in the order in which a walk first meets them."""
    found: dict[str, Choice] = {}
    seen: set[int] = set()
    waiting = list(reversed(branches))
    while waiting:
        branch = waiting.pop()
        if id(branch) in seen:
            continue
        seen.add(id(branch))
        choice = found.setdefault(branch.choice.name, branch.choice)
        if choice != branch.choice:
            raise SpaceError(
                f"choice {choice.name!r}: expected one range for a name; got {choice} and "
                f"{branch.choice}"
            )
        for at in reversed(range(len(branch.below))):
            waiting.extend(reversed(branch.below[at]))
    return tuple(found.values())
