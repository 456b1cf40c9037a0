"""Where the next proposal pays most: hypervolume gained per epoch, and whether it gains at all.

A finished candidate gains what it adds to the volume that those before it, in the order of their
numbers, dominate at its budget; as a share of the volume, so that budgets can be set side by side.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from smnas.trial.budget import Budget
from smnas.trial.front import GrowingFront, Objective, hypervolume
from smnas.trial.trial import Trial

WINDOW = 8
"""Latest candidates of an arm that say how well it does."""
_MARGIN = 1.1
"""The volume reaches so many times beyond the highest cost, or the dearest would add nothing."""
TRIED_FIRST = 3
"""Candidates that every arm has before it is judged."""


@dataclass
class _Entry:
    trial: Trial
    gain: float = 0.0
    volume: float = 0.0
    front: tuple[Trial, ...] = ()
    """Of all up to this one."""


class Gains:
    """What each finished candidate has gained; a function of the trials, however they came."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        """Begin without a trial; the volume has ratios of costs and ends at accuracy 0."""
        self._objectives = tuple(o.model_copy(update={"tie": 0.0}) for o in objectives)
        self._entries: dict[Budget, list[_Entry]] = {}
        self._fresh: dict[Budget, int] = {}
        """How many entries, from the first, are up to date."""
        self._worst: dict[Budget, tuple[float, ...]] = {}
        """Where the volume ends: accuracy 0, and the highest costs."""

    def add(self, trial: Trial) -> None:
        """Take in a finished candidate that holds every objective."""
        budget = trial.proposal.budget
        entries = self._entries.setdefault(budget, [])
        at = bisect_left(entries, trial.number, key=lambda entry: entry.trial.number)
        entries.insert(at, _Entry(trial))
        known = self._worst.get(budget)
        worst = tuple(
            0.0 if o.maximise else max(trial.value(o.metric), known[i] if known else 0.0)
            for i, o in enumerate(self._objectives)
        )
        self._worst[budget] = worst
        self._fresh[budget] = min(self._fresh.get(budget, 0), at if worst == known else 0)

    def of(self, budget: Budget) -> list[tuple[Trial, float]]:
        """Return the candidates of a budget and their gains, in the order of their numbers."""
        entries = self._entries.get(budget, [])
        for at in range(self._fresh.get(budget, 0), len(entries)):
            self._update(entries, at, self._worst[budget])
        self._fresh[budget] = len(entries)
        return [(entry.trial, entry.gain) for entry in entries]

    def _update(self, entries: list[_Entry], at: int, worst: Sequence[float]) -> None:
        before = entries[at - 1] if at else _Entry(entries[0].trial)
        front = GrowingFront(self._objectives)
        for trial in (*before.front, entries[at].trial):
            front.add(trial)
        entry = entries[at]
        entry.front = tuple(front.members)
        entry.volume = before.volume
        if entry.front != before.front:
            corner = [_MARGIN * value for value in worst]
            entry.volume = hypervolume(entry.front, self._objectives, corner)
        entry.gain = (entry.volume - before.volume) / entry.volume if entry.volume > 0 else 0.0


def rank_arms(
    arms: Sequence[Hashable],
    finished: Iterable[tuple[Hashable, float, float]],
    running: Iterable[tuple[Hashable, float]],
) -> list[Hashable]:
    """Return the arms, that with the most gain per epoch first.

    Args:
        arms: Stage one and the groups that can be searched, in a fixed order.
        finished: Arm, gain and epochs of the finished candidates, in the order of their numbers.
        running: Arm and epochs of those that are being trained, and not known to gain anything.
    """
    latest: dict[Hashable, deque[tuple[float, float]]] = {arm: deque(maxlen=WINDOW) for arm in arms}
    for arm, gain, epochs in finished:
        if arm in latest:
            latest[arm].append((gain, epochs))
    waiting: dict[Hashable, list[tuple[float, float]]] = {arm: [] for arm in arms}
    for arm, epochs in running:
        if arm in waiting:
            waiting[arm].append((0.0, epochs))

    def order(at: int) -> tuple[bool, float, float, int]:
        had = [*latest[arms[at]], *waiting[arms[at]]]
        epochs = sum(epochs for _, epochs in had)
        if len(had) < TRIED_FIRST:
            return False, len(had), epochs, at
        return True, -sum(gain for gain, _ in had) / epochs, epochs, at

    return [arms[at] for at in sorted(range(len(arms)), key=order)]
