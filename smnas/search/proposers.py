"""How rivals make candidates: at random, by local search, by regularized evolution."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from smnas.arch import DetectorArch
from smnas.search.evolution import draw_evenly
from smnas.search.ledger import Ledger
from smnas.space.coding import as_built
from smnas.space.contract import SearchSpace
from smnas.space.mutation import pick_move
from smnas.trial.front import Objective, pareto_ranks
from smnas.trial.trial import Origin, Trial

Suggestion = tuple[DetectorArch, Origin]


class Proposer(Protocol):
    """Draws one member of a space, perhaps one that was tried: then it is asked again."""

    def draw(self, known: Ledger, rng: np.random.Generator) -> Suggestion | None:
        """Return a member and where it came from.

        Args:
            known: The trials so far; a proposer keeps nothing else that decides.
            rng: Decides all that is random; another one when asked again.

        Returns:
            None where it has nothing: then a member is drawn at random.
        """
        ...


@dataclass(frozen=True)
class RandomSearch:
    """Members drawn at random."""

    space: SearchSpace

    def draw(self, known: Ledger, rng: np.random.Generator) -> Suggestion | None:
        """Return a random member (see ``Proposer.draw``)."""
        del known
        return self.space.sample(rng), Origin(operator="sample")


@dataclass(frozen=True)
class LocalSearch:
    """Neighbours of the front that have not been tried, all equally likely (White et al. 2021).

    Where the front has none left, the search starts again at random.
    """

    space: SearchSpace

    def draw(self, known: Ledger, rng: np.random.Generator) -> Suggestion | None:
        """Return an untried neighbour of a random member of the front (see ``Proposer.draw``)."""
        members = known.front.members
        for at in rng.permutation(len(members)):
            parent = members[at]
            moves = self.space.moves(parent.proposal.arch)
            fresh = [
                (child, operator)
                for operator, children in moves.items()
                for child in children
                if as_built(child) not in known.tried
            ]
            if fresh:
                child, operator = fresh[rng.integers(len(fresh))]
                return child, Origin(operator=operator, parent=parent.number)
        return None


@dataclass(frozen=True)
class SparseFront:
    """Mutations of the front from its sparse regions, as the stages of SM-NAS make them.

    So both stages can be compared with one over both spaces.
    """

    space: SearchSpace
    cost: Objective
    random_share: float

    def draw(self, known: Ledger, rng: np.random.Generator) -> Suggestion | None:
        """Return a child of a member of the front (see ``Proposer.draw``)."""
        members = known.front.members
        if not members or rng.random() < self.random_share:
            return None
        parent = members[draw_evenly([self.cost.of(trial) for trial in members], rng)]
        moves = self.space.moves(parent.proposal.arch)
        fresh = {
            operator: left
            for operator, children in moves.items()
            if (left := tuple(c for c in children if as_built(c) not in known.tried))
        }
        if not fresh:
            return None
        child, operator = pick_move(fresh, rng)
        return child, Origin(operator=operator, parent=parent.number)


@dataclass(frozen=True)
class RegularizedEvolution:
    """Children of the best of a sample of the youngest (Real et al. 2019, algorithm 1).

    The paper has one objective. With several, the best of a sample is one of its first front, drawn
    evenly among its members.
    """

    space: SearchSpace
    objectives: tuple[Objective, ...]
    population: int = 20
    """The youngest finished candidates; older ones have died."""
    sample: int = 5
    """How many are drawn for each tournament."""

    def draw(self, known: Ledger, rng: np.random.Generator) -> Suggestion | None:
        """Return a child of the winner of a tournament (see ``Proposer.draw``)."""
        alive = [trial for trial in known.begun if trial.succeeded][-self.population :]
        if not alive:
            return None
        places = rng.choice(len(alive), min(self.sample, len(alive)), replace=False)
        parent = self._winner([alive[at] for at in sorted(places.tolist())], rng)
        moves = self.space.moves(parent.proposal.arch)
        if not moves:
            return None
        child, operator = pick_move(moves, rng)
        return child, Origin(operator=operator, parent=parent.number)

    def _winner(self, sample: Sequence[Trial], rng: np.random.Generator) -> Trial:
        ranks = pareto_ranks(sample, self.objectives)
        best = [trial for trial, rank in zip(sample, ranks, strict=True) if rank == 0]
        return best[rng.integers(len(best))] if best else sample[0]
