"""The trials of a run sorted for the search: each is read once, and its outcome once it is there.

What a history answers is a function of the trials alone: whether they came one by one or all at
once, and in which order they finished, makes no difference. It only saves the work of sorting
thousands of them again for every proposal.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import compress, count
from math import fsum
from operator import is_not
from typing import get_args

from smnas.arch import DetectorArch
from smnas.arch.parts import Norm
from smnas.search.settings import SearchSettings
from smnas.space.coding import as_built
from smnas.space.modular import ModularSpace, frame_of
from smnas.trial.budget import Budget
from smnas.trial.front import GrowingFront, Objective
from smnas.trial.trial import Proposal, Stage, Trial

_NORMS: tuple[Norm, ...] = get_args(Norm)


class Pool:
    """Trials that are compared with each other, and their front, kept up as outcomes come."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        """Begin without a trial."""
        self.size = 0
        """Trials that ran or run; those that a constraint kept from running are left out."""
        self._front = GrowingFront(objectives)

    @classmethod
    def of(cls, trials: Sequence[Trial], objectives: Sequence[Objective]) -> "Pool":
        """Return the pool of ``trials``, finished or not."""
        pool = cls(objectives)
        pool.size = len(trials)
        for trial in trials:
            pool.finish(trial)
        return pool

    @property
    def front(self) -> list[Trial]:
        """What no finished trial dominates, in the order in which they were proposed."""
        return self._front.members

    def finish(self, trial: Trial) -> None:
        """Take in one of its trials again, with its outcome."""
        self.size -= trial.refused
        self._front.add(trial)


@dataclass
class Spent:
    """What the candidates of a stage have used."""

    trials: int = 0
    """Trained, failed or running."""
    refused: int = 0
    """Kept from training by a constraint."""
    seconds: list[float] = field(default_factory=list[float])

    def __add__(self, other: "Spent") -> "Spent":
        """Return what both have used."""
        seconds = self.seconds + other.seconds
        return Spent(self.trials + other.trials, self.refused + other.refused, seconds)

    def reaches(self, trials: int, refused: int, seconds: float | None) -> bool:
        """Return whether one of the limits is reached; the sum of seconds is exact."""
        if self.trials >= trials or self.refused >= refused:
            return True
        return seconds is not None and fsum(self.seconds) >= seconds


class History:
    """What ``SmNas`` asks of the trials; ``read`` brings it up to date."""

    def __init__(self, settings: SearchSettings, modular: ModularSpace) -> None:
        """Take what decides which trials are compared with which."""
        self._settings, self._modular = settings, modular
        self._stage_one_objectives = settings.stage_one_objectives
        self._stage_two_objectives = settings.stage_two_objectives
        self.version = 0
        """Changes whenever something was read that was not known."""
        self._clear()

    def _clear(self) -> None:
        self.version += 1
        self._trials: list[Trial] = []
        self._tried: dict[Stage, set[DetectorArch]] = {1: set(), 2: set()}
        self._pools: dict[Hashable, Pool] = {}
        self._pools_of: list[list[Pool]] = []
        self._unfinished: dict[Stage, set[int]] = defaultdict(set)
        self._given: set[tuple[Stage, Budget, DetectorArch]] = set()
        self.spent: dict[Stage, Spent] = {1: Spent(), 2: Spent()}
        """By stage of the candidates."""
        self.in_group: Counter[Hashable] = Counter()
        """How many trials of stage two lie in each neighbourhood, by its frame."""

    def read(self, trials: Sequence[Trial]) -> None:
        """Take in what is new in ``trials``; where they contradict what is known, begin again."""
        known = self._trials
        changed = list(compress(count(), map(is_not, known, trials)))
        goes_on = len(trials) >= len(known) and all(_follows(known[i], trials[i]) for i in changed)
        if not goes_on:
            self._clear()
            changed = []
        for at in changed:
            before, self._trials[at] = self._trials[at], trials[at]
            if before.outcome is None:
                self._finish(at)
        for trial in trials[len(self._trials) :]:
            self._begin(trial)

    @property
    def trials(self) -> Sequence[Trial]:
        """All that was read."""
        return self._trials

    def unfinished(self, *stages: Stage) -> bool:
        """Return whether a trial of one of the stages is unfinished; of any where none is named."""
        return any(self._unfinished[stage] for stage in stages or tuple(self._unfinished))

    def tried(self, stage: Stage) -> AbstractSet[DetectorArch]:
        """Return what a stage does not propose again, as built.

        It is what it tried, what was trained with its budget, and what broke a constraint.
        """
        return self._tried[stage]

    def is_given(self, proposal: Proposal) -> bool:
        """Return whether a final or yardstick has had the proposal's network and budget."""
        return (proposal.stage, proposal.budget, as_built(proposal.arch)) in self._given

    def structures(self) -> Pool:
        """Return the trials of stage one."""
        return self._pool("structures", self._stage_one_objectives)

    def group(self, frame: Hashable) -> Pool:
        """Return the candidates of stage two's budget in the neighbourhood with this frame."""
        return self._pool(("group", frame), self._stage_two_objectives)

    def _pool(self, key: Hashable, objectives: tuple[Objective, ...]) -> Pool:
        return self._pools.setdefault(key, Pool(objectives))

    def _begin(self, trial: Trial) -> None:
        proposal = trial.proposal
        self.version += 1
        self._trials.append(trial)
        pools: list[Pool] = []
        if proposal.is_candidate:
            pools = self._sort(proposal)
        else:
            self._given.add((proposal.stage, proposal.budget, as_built(proposal.arch)))
        self._pools_of.append(pools)
        self._unfinished[proposal.stage].add(trial.number)
        if trial.outcome is not None:
            self._finish(len(self._trials) - 1)

    def _sort(self, proposal: Proposal) -> list[Pool]:
        """Enter a candidate wherever it counts, and return the pools that it takes part in."""
        settings, network = self._settings, as_built(proposal.arch)
        budgets: dict[Stage, Budget] = {1: settings.stage_one, 2: settings.stage_two}
        for stage, budget in budgets.items():
            if proposal.stage == stage or proposal.budget == budget:
                self._tried[stage].add(network)
        self.spent[proposal.stage].trials += 1
        pools = [self.structures()] if proposal.stage == 1 else []
        if self._modular.contains(proposal.arch):
            frame = frame_of(proposal.arch)
            self.in_group[frame] += proposal.stage == 2
            if proposal.budget == settings.stage_two:
                pools.append(self.group(frame))
        for pool in pools:
            pool.size += 1
        return pools

    def _finish(self, at: int) -> None:
        self.version += 1
        trial = self._trials[at]
        proposal = trial.proposal
        self._unfinished[proposal.stage].discard(trial.number)
        if trial.outcome is None or not proposal.is_candidate:
            return
        spent = self.spent[proposal.stage]
        spent.seconds.append(trial.outcome.seconds)
        if trial.refused:
            spent.trials -= 1
            spent.refused += 1
            for norm in _NORMS:  # Counted and timed as deployed, its twin is no better.
                twin = as_built(proposal.arch.replace(norm=norm))
                for tried in self._tried.values():
                    tried.add(twin)
        if trial.infeasible:  # with any budget
            for tried in self._tried.values():
                tried.add(as_built(proposal.arch))
        for pool in self._pools_of[at]:
            pool.finish(trial)


def _follows(old: Trial, new: Trial) -> bool:
    """Return whether ``new`` is ``old``, perhaps with its outcome."""
    same = old.proposal is new.proposal or old.proposal == new.proposal
    return same and old.later == new.later and old.outcome in (None, new.outcome)
