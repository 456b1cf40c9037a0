"""Rungs: which trainings go on, asynchronously (after MO-ASHA; Schmucker et al. 2021).

Every rung is a trial of its own that continues a lower one's training. Whenever a rung holds more
finished trials than ``eta`` times those that it has sent up and one, its best goes up next. Nobody
waits for a rung to fill.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from smnas.trial.budget import Budget
from smnas.trial.cost_bins import cost_bin
from smnas.trial.front import Objective, pareto_ranks
from smnas.trial.trial import Trial


def ladder(top: Budget, rungs: int, eta: int) -> tuple[Budget, ...]:
    """Return the budgets of the rungs, lowest first; all share the schedule of ``top``.

    There are fewer where the lowest would be less than an epoch, or equal to the next.

    >>> [str(budget) for budget in ladder(Budget(epochs=9), 3, 3)]
    ['1 of 9 epochs', '3 of 9 epochs', '9 epochs']
    """
    lengths = {round(top.epochs / eta**step) for step in range(rungs)} - {0}
    return tuple(Budget(epochs=n, horizon_epochs=top.epochs) for n in sorted(lengths))


def family(trial: Trial) -> str:
    """Return the family of heads that a trial belongs to."""
    return trial.proposal.arch.head.kind


class Rung:
    """The finished trials of one budget that can go up, and those that have."""

    def __init__(self, objectives: Sequence[Objective], cost: Objective, *, lowest: bool) -> None:
        """Begin without a trial.

        Args:
            objectives: What trials are ranked by.
            cost: The one of them whose bins are ranked apart, so that the cheapest network does not
                go up for ever.
            lowest: Whether every family of heads is to send one up before others send a second.
        """
        self._objectives, self._cost, self._lowest = tuple(objectives), cost, lowest
        self._bins: dict[int, list[Trial]] = defaultdict(list)
        self._places: dict[int, float] = {}
        """Costs by number, as utilities."""
        self._ranks: dict[int, dict[int, int]] = {}
        """Front rank of each trial inside its bin, by bin and number; made when asked for."""
        self.promoted: set[int] = set()
        """Numbers of those that have gone up."""
        self.size = 0

    def add(self, trial: Trial) -> None:
        """Take in a finished trial that has all that it is ranked by."""
        place = cost_bin(trial, self._cost)
        self._bins[place].append(trial)
        self._places[trial.number] = self._cost.of(trial)
        self._ranks.pop(place, None)
        self.size += 1

    def promote(self, trial: Trial) -> None:
        """Note that a trial has gone up."""
        self.promoted.add(trial.number)

    def next_up(self, eta: int) -> Trial | None:
        """Return which trial is to go up now, or None where too many have gone for ``eta``."""
        return self.best_waiting() if self.size > eta * (len(self.promoted) + 1) else None

    def best_waiting(self) -> Trial | None:
        """Return the best trial that has not gone up, or None.

        Front rank inside its bin counts first, then an end of the range of costs, then the distance
        in cost to the nearest one that has gone up.
        """
        everyone = [trial for trials in self._bins.values() for trial in trials]
        waiting = [trial for trial in everyone if trial.number not in self.promoted]
        if not waiting:
            return None
        ranks = {number: rank for place in self._bins for number, rank in self._rank(place).items()}
        ends = self._ends([trial.number for trial in everyone if not ranks[trial.number]])
        gone = [trial for trial in everyone if trial.number in self.promoted]
        sent = sorted(self._places[trial.number] for trial in gone)
        able = [trial.number for trial in self._first_of_families(waiting, gone)]
        lowest = min((ranks[number] for number in able), default=None)

        def order(number: int) -> tuple[bool, float, int]:
            return number not in ends, -_gap(self._places[number], sent), number

        best = min((n for n in able if ranks[n] == lowest), key=order, default=None)
        return next((trial for trial in waiting if trial.number == best), None)

    def _first_of_families(self, waiting: list[Trial], gone: list[Trial]) -> list[Trial]:
        """Return those whose family has sent nobody up, where there are any and this matters."""
        if not self._lowest:
            return waiting
        sent = {family(trial) for trial in gone}
        return [trial for trial in waiting if family(trial) not in sent] or waiting

    def _ends(self, best: list[int]) -> AbstractSet[int]:
        places = [(self._places[number], number) for number in best]
        return {min(places)[1], max(places)[1]}

    def _rank(self, place: int) -> dict[int, int]:
        if place not in self._ranks:
            trials = self._bins[place]
            ranks = pareto_ranks(trials, self._objectives)
            self._ranks[place] = {
                trial.number: rank
                for trial, rank in zip(trials, ranks, strict=True)
                if rank is not None
            }
        return self._ranks[place]


def _gap(place: float, others: Sequence[float]) -> float:
    """Return the distance to the nearest of some places in rising order; 0 where there is none."""
    at = bisect_left(others, place)
    return min((abs(other - place) for other in others[max(0, at - 1) : at + 1]), default=0.0)
