"""Random seeds, then mutations of the front (SM-NAS, section 3.3; paper.md 3.1)."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from smnas.arch import DetectorArch
from smnas.search.history import Pool
from smnas.space.coding import as_built
from smnas.space.contract import SearchSpace
from smnas.space.mutation import pick_move
from smnas.trial.front import Objective
from smnas.trial.trial import Origin, Trial

_DRAWS = 50
"""Random members that are drawn before the space is searched in order for one not tried yet."""


class Evolution:
    """Proposes one arch at a time for a space. What it keeps saves work and decides nothing."""

    def __init__(
        self,
        space: SearchSpace,
        cost: Objective,
        starts: Sequence[DetectorArch],
        random_share: float,
    ) -> None:
        """Take how proposals are made.

        Args:
            space: Where archs come from.
            cost: The objective of the pool that its parents are drawn evenly along.
            starts: Members that are proposed before the first mutation; where they do not count,
                having been tried already, others are drawn at random in their place.
            random_share: Chance that a later one is drawn at random all the same.
        """
        self._space, self._cost = space, cost
        self._starts = [(arch, as_built(arch)) for arch in starts]
        self._random_share = random_share
        self._children: dict[DetectorArch, list[tuple[str, DetectorArch, DetectorArch]]] = {}
        """Operator, child and child as built, of all moves of archs that were parents."""
        self._listing = _Listing(space, frozenset())

    def propose(
        self, pool: Pool, tried: AbstractSet[DetectorArch], rng: np.random.Generator
    ) -> tuple[DetectorArch, Origin] | None:
        """Return an arch that has not been tried, and where it came from.

        Args:
            pool: Trials of the space at one budget, finished or not: parents are on its front.
            tried: What is not proposed again, as ``as_built`` gives it. The same set may have grown
                since the last call, not shrunk.
            rng: Decides all that is random.

        Returns:
            None where the space is used up.
        """
        if self._listing.tried is not tried:
            self._listing = _Listing(self._space, tried)
        if self._listing.is_over:
            return None
        if pool.size < len(self._starts):
            fresh = (arch for arch, network in self._starts if network not in tried)
            start = next(fresh, None)
            return self._draw(tried, rng) if start is None else (start, Origin(operator="sample"))
        if rng.random() >= self._random_share:
            child = self._mutate(pool.front, tried, rng)
            if child is not None:
                return child
        return self._draw(tried, rng)

    def _mutate(
        self, parents: list[Trial], tried: AbstractSet[DetectorArch], rng: np.random.Generator
    ) -> tuple[DetectorArch, Origin] | None:
        """Return a child of a member of the front that has one left, or None."""
        able = [trial for trial in parents if self._has_child_left(trial, tried)]
        if not able:
            return None
        parent = able[draw_evenly([self._cost.of(trial) for trial in able], rng)]
        fresh: dict[str, tuple[DetectorArch, ...]] = {}
        for operator, child, network in self._children_of(parent.proposal.arch):
            if network not in tried:
                fresh[operator] = (*fresh.get(operator, ()), child)
        arch, operator = pick_move(fresh, rng)
        return arch, Origin(operator=operator, parent=parent.number)

    def _has_child_left(self, trial: Trial, tried: AbstractSet[DetectorArch]) -> bool:
        """Return whether a parent has a child that has not been tried; once not, never again."""
        childless = self._listing.childless
        if trial.number in childless:
            return False
        children = self._children_of(trial.proposal.arch)
        if any(network not in tried for _, _, network in children):
            return True
        childless.add(trial.number)
        return False

    def _children_of(self, arch: DetectorArch) -> list[tuple[str, DetectorArch, DetectorArch]]:
        if arch not in self._children:
            self._children[arch] = [
                (operator, child, as_built(child))
                for operator, children in self._space.moves(arch).items()
                for child in children
            ]
        return self._children[arch]

    def _draw(
        self, tried: AbstractSet[DetectorArch], rng: np.random.Generator
    ) -> tuple[DetectorArch, Origin] | None:
        """Return a random member, or the first one left where random draws find none."""
        origin = Origin(operator="sample")
        for _ in range(_DRAWS):
            arch = self._space.sample(rng)
            if as_built(arch) not in tried:
                return arch, origin
        left = self._listing.first_left()
        return None if left is None else (left, origin)


class _Listing:
    """A space gone through once, in order, as more and more of it has been tried."""

    def __init__(self, space: SearchSpace, tried: AbstractSet[DetectorArch]) -> None:
        self.tried = tried
        self.is_over = False
        """Whether nothing is left."""
        self.childless: set[int] = set()
        """Numbers of the trials whose neighbours have all been tried."""
        self._members = space.enumerate()
        self._latest: DetectorArch | None = None

    def first_left(self) -> DetectorArch | None:
        """Return the first member that has not been tried, or None."""
        while self._latest is None or as_built(self._latest) in self.tried:
            self._latest = next(self._members, None)
            if self._latest is None:
                self.is_over = True
                return None
        return self._latest


def draw_evenly(places: Sequence[float], rng: np.random.Generator) -> int:
    """Return the position of the place that is nearest to a mark drawn evenly between the ends.

    So those on a crowded stretch share its chance, and a lone one gets that of its surroundings.
    """
    mark = rng.uniform(min(places), max(places))
    return min(range(len(places)), key=lambda i: abs(places[i] - mark))
