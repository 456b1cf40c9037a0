"""Seeds, then mutations of the front, screened or not (SM-NAS, section 3.3; paper.md 3.1)."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smnas.arch import DetectorArch
from smnas.search.parts import SearchParts
from smnas.space.coding import as_built
from smnas.space.contract import SearchSpace
from smnas.space.mutation import pick_move
from smnas.trial.front import Objective
from smnas.trial.trial import Origin, Trial

Judge = Callable[[Sequence[DetectorArch]], Sequence[tuple[float, float]] | None]
"""How promising some offspring are, the higher the better; None where nobody can say yet."""

_Children = dict[str, tuple[tuple[DetectorArch, DetectorArch], ...]]
"""By operator: each child, and the same as built."""

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
        parts: SearchParts,
    ) -> None:
        """Take how proposals are made.

        Args:
            space: Where archs come from.
            cost: The objective along which parents are drawn.
            starts: Members that are proposed before the first mutation; where they do not count,
                having been tried already, others are drawn at random in their place.
            random_share: Chance that a later one is drawn at random all the same.
            parts: How parents are drawn, and how many offspring are screened.
        """
        self._space, self._cost, self._parts = space, cost, parts
        self._starts = [(arch, as_built(arch)) for arch in starts]
        self._random_share = random_share
        self._children: dict[DetectorArch, _Children] = {}
        """Of all archs that were parents."""
        self._listing = _Listing(space, frozenset())

    def propose(
        self,
        begun: int,
        parents: Sequence[Trial],
        tried: AbstractSet[DetectorArch],
        rng: np.random.Generator,
        judge: Judge | None = None,
    ) -> tuple[DetectorArch, Origin] | None:
        """Return an arch that has not been tried, and where it came from.

        Args:
            begun: How many have been proposed, and not been refused.
            parents: The front, whose members are mutated.
            tried: What is not proposed again, as ``as_built`` gives it. The same set may have grown
                since the last call, not shrunk.
            rng: Decides all that is random.
            judge: Screens offspring, where they are to be screened.

        Returns:
            None where the space is used up.
        """
        if self._listing.tried is not tried:
            self._listing = _Listing(self._space, tried)
        if self._listing.is_over:
            return None
        if begun < len(self._starts):
            fresh = (arch for arch, network in self._starts if network not in tried)
            start = next(fresh, None)
            return self._draw(tried, rng) if start is None else (start, Origin(operator="sample"))
        able = self._weigh([trial for trial in parents if self._has_child_left(trial, tried)])
        if judge is not None and rng.random() >= self._parts.unscreened_share:
            best = self._breed_and_judge(able, tried, rng, judge)
            if best is not None:
                return best
        if able.trials and rng.random() >= self._random_share:
            return self._mutate(able, tried, rng)
        return self._draw(tried, rng)

    def _breed_and_judge(
        self,
        able: "_Parents",
        tried: AbstractSet[DetectorArch],
        rng: np.random.Generator,
        judge: Judge,
    ) -> tuple[DetectorArch, Origin] | None:
        """Return the most promising of many offspring, or None where nobody can say."""
        offspring: dict[DetectorArch, Origin] = {}
        for _ in range(self._parts.offspring):
            found = self._breed(able, tried, rng)
            if found is not None:
                offspring.setdefault(*found)
        scores = judge(list(offspring)) if offspring else None
        if scores is None:
            return None
        return max(zip(offspring.items(), scores, strict=True), key=lambda item: item[1])[0]

    def _breed(
        self, able: "_Parents", tried: AbstractSet[DetectorArch], rng: np.random.Generator
    ) -> tuple[DetectorArch, Origin] | None:
        """Return an untried child of one of the able parents, or a random member.

        Returns:
            None where what was drawn has been tried: not all children are looked at for a draw.
        """
        if not able.trials or rng.random() < self._random_share:
            arch, origin = self._space.sample(rng), Origin(operator="sample")
            return None if as_built(arch) in tried else (arch, origin)
        parent = able.pick(rng)
        children = self._children_of(parent.proposal.arch)
        operator = list(children)[rng.integers(len(children))]
        arch, network = children[operator][rng.integers(len(children[operator]))]
        origin = Origin(operator=operator, parent=parent.number)
        return None if network in tried else (arch, origin)

    def _mutate(
        self, able: "_Parents", tried: AbstractSet[DetectorArch], rng: np.random.Generator
    ) -> tuple[DetectorArch, Origin]:
        """Return an untried child of one of the able parents."""
        parent = able.pick(rng)
        fresh: dict[str, tuple[DetectorArch, ...]] = {}
        for operator, children in self._children_of(parent.proposal.arch).items():
            left = tuple(child for child, network in children if network not in tried)
            if left:
                fresh[operator] = left
        arch, operator = pick_move(fresh, rng)
        return arch, Origin(operator=operator, parent=parent.number)

    def _weigh(self, trials: list[Trial]) -> "_Parents":
        if self._parts.parents == "any":
            return _Parents(trials, None)
        return _Parents(trials, np.array([self._cost.of(trial) for trial in trials]))

    def _has_child_left(self, trial: Trial, tried: AbstractSet[DetectorArch]) -> bool:
        """Return whether a parent has a child that has not been tried.

        What has been tried stays so: the children before the first one left are looked at once.
        """
        if trial.number not in self._listing.left:
            groups = self._children_of(trial.proposal.arch).values()
            networks = [network for children in groups for _, network in children]
            self._listing.left[trial.number] = networks[::-1]
        left = self._listing.left[trial.number]
        while left and left[-1] in tried:
            left.pop()
        return bool(left)

    def _children_of(self, arch: DetectorArch) -> "_Children":
        found = self._children.get(arch)
        if found is None:
            found = self._children[arch] = {
                operator: tuple((child, as_built(child)) for child in children)
                for operator, children in self._space.moves(arch).items()
            }
        return found

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


@dataclass(frozen=True)
class _Parents:
    """Trials whose children are proposed."""

    trials: list[Trial]
    places: NDArray[np.float64] | None
    """Their costs, where those on a sparse stretch are to have more children."""

    def pick(self, rng: np.random.Generator) -> Trial:
        """Return one of them."""
        if self.places is None:
            return self.trials[int(rng.integers(len(self.trials)))]
        return self.trials[draw_evenly(self.places, rng)]


class _Listing:
    """A space gone through once, in order, as more and more of it has been tried."""

    def __init__(self, space: SearchSpace, tried: AbstractSet[DetectorArch]) -> None:
        self.tried = tried
        self.is_over = False
        """Whether nothing is left."""
        self.left: dict[int, list[DetectorArch]] = {}
        """By number of a parent: its children, last first, without those at the end that have been
        tried."""
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


def draw_evenly(places: Sequence[float] | NDArray[np.float64], rng: np.random.Generator) -> int:
    """Return the position of the place that is nearest to a mark drawn evenly between the ends.

    So those on a crowded stretch share its chance, and a lone one gets that of its surroundings.
    """
    known = np.asarray(places)
    mark = rng.uniform(known.min(), known.max())
    return int(np.abs(known - mark).argmin())
