"""Random seeds, then mutations of the front (SM-NAS, section 3.3; paper.md 3.1)."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Evolution:
    """Proposes one arch at a time for a space.

    Args:
        space: Where archs come from.
        cost: The objective of the pool that its parents are drawn evenly along.
        seeds: How many are drawn at random before the first mutation.
        random_share: Chance that a later one is drawn at random all the same.
    """

    space: SearchSpace
    cost: Objective
    seeds: int
    random_share: float

    def propose(
        self, pool: Pool, tried: AbstractSet[DetectorArch], rng: np.random.Generator
    ) -> tuple[DetectorArch, Origin] | None:
        """Return an arch that has not been tried, and where it came from.

        Args:
            pool: Trials of the space at one budget, finished or not: parents are on its front.
            tried: What is not proposed again, as ``as_built`` gives it.
            rng: Decides all that is random.

        Returns:
            None where the space is used up.
        """
        is_random = pool.size < self.seeds or rng.random() < self.random_share
        if not is_random:
            child = self._mutate(pool.front, tried, rng)
            if child is not None:
                return child
        return self._draw(tried, rng)

    def _mutate(
        self, parents: list[Trial], tried: AbstractSet[DetectorArch], rng: np.random.Generator
    ) -> tuple[DetectorArch, Origin] | None:
        """Return a child of the front; a parent whose neighbours are all tried makes way."""
        while parents:
            parent = draw_evenly(parents, self.cost, rng)
            moves = self.space.moves(parent.proposal.arch)
            fresh = {
                operator: tuple(child for child in children if as_built(child) not in tried)
                for operator, children in moves.items()
            }
            fresh = {operator: children for operator, children in fresh.items() if children}
            if fresh:
                arch, operator = pick_move(fresh, rng)
                return arch, Origin(operator=operator, parent=parent.number)
            parents = [trial for trial in parents if trial is not parent]
        return None

    def _draw(
        self, tried: AbstractSet[DetectorArch], rng: np.random.Generator
    ) -> tuple[DetectorArch, Origin] | None:
        """Return a random member, or the first one left where random draws find none."""
        origin = Origin(operator="sample")
        for _ in range(_DRAWS):
            arch = self.space.sample(rng)
            if as_built(arch) not in tried:
                return arch, origin
        for arch in self.space.enumerate():
            if as_built(arch) not in tried:
                return arch, origin
        return None


def draw_evenly(trials: Sequence[Trial], objective: Objective, rng: np.random.Generator) -> Trial:
    """Return the trial nearest to a mark drawn evenly along the objective.

    So members of a crowded stretch share its chance, and a lone one gets that of its surroundings.
    Distances are logarithmic where the objective says so.
    """
    places = [objective.of(trial) for trial in trials]
    mark = rng.uniform(min(places), max(places))
    nearest = min(range(len(trials)), key=lambda i: abs(places[i] - mark))
    return trials[nearest]
