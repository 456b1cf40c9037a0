"""Which trials of a rung go up: the question, and MO-ASHA's answer (Schmucker et al. 2021)."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from smnas.trial.front import Objective, pareto_ranks
from smnas.trial.trial import Trial


class PromotionRule(Protocol):
    """The finished trials of one rung, and those that have gone up. ``rungs.Rung`` is ours."""

    def add(self, trial: Trial) -> None:
        """Take in a finished trial that has all that it is ranked by."""
        ...

    def promote(self, trial: Trial) -> None:
        """Note that a trial has gone up."""
        ...

    def next_up(self, eta: int) -> Trial | None:
        """Return which trial is to go up now, or None."""
        ...


class AshaRung:
    """A trial goes up once it is among the best ``1 / eta`` of its rung.

    The best are the first fronts. Of the front that is cut, those are taken that lie far apart: an
    epsilon-net, which begins with the trial best in the first objective and goes on with the one
    farthest from all that were taken, objectives scaled to their range on that front (the rule that
    did best in the paper's comparison, section 4).
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        """Begin without a trial."""
        self._objectives = tuple(objectives)
        self._trials: list[Trial] = []
        self._promoted: set[int] = set()
        self._order: list[Trial] | None = None
        """Best first; made when asked for."""

    def add(self, trial: Trial) -> None:
        """Take in a finished trial; the order in which they came does not matter."""
        self._trials.append(trial)
        self._trials.sort(key=lambda item: item.number)
        self._order = None

    def promote(self, trial: Trial) -> None:
        """Note that a trial has gone up."""
        self._promoted.add(trial.number)

    def next_up(self, eta: int) -> Trial | None:
        """Return the best trial that belongs up and has not gone."""
        places = len(self._trials) // eta
        if not places:
            return None
        if self._order is None:
            self._order = self._rank()
        waiting = (t for t in self._order[:places] if t.number not in self._promoted)
        return next(waiting, None)

    def _rank(self) -> list[Trial]:
        ranks = pareto_ranks(self._trials, self._objectives)
        ordered: list[Trial] = []
        for rank in sorted({rank for rank in ranks if rank is not None}):
            layer = [t for t, own in zip(self._trials, ranks, strict=True) if own == rank]
            ordered += [layer[at] for at in epsilon_net(self._utilities(layer))]
        return ordered

    def _utilities(
        self, trials: Sequence[Trial]
    ) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        return np.array([[o.of(trial) for o in self._objectives] for trial in trials])


def epsilon_net(points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[int]:
    """Return the positions of ``points`` (one per row), each the farthest from those before it.

    The first is the one greatest in the first column; columns are scaled to their range.
    """
    span = np.ptp(points, axis=0)
    scaled = (points - points.min(axis=0)) / np.where(span > 0, span, 1.0)
    chosen = [int(np.argmax(scaled[:, 0]))]
    gaps = np.linalg.norm(scaled - scaled[chosen[0]], axis=1)
    while len(chosen) < len(points):
        gaps[chosen] = -1.0
        chosen.append(int(np.argmax(gaps)))
        gaps = np.minimum(gaps, np.linalg.norm(scaled - scaled[chosen[-1]], axis=1))
    return chosen
