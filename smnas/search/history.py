"""The trials of a run sorted for the search: each is read once, and its outcome once it is there.

What a history answers is a function of the trials alone: whether they came one by one or all at
once, and in which order they finished, makes no difference. It only saves the work of sorting
thousands of them again for every proposal.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction
from itertools import compress, count, pairwise
from operator import is_not
from typing import get_args

from smnas.arch import DetectorArch
from smnas.arch.parts import Norm
from smnas.search.allocation import Gains
from smnas.search.partial_order_pruning import PartialOrder
from smnas.search.pools import Pool, Spent
from smnas.search.rungs import Rung
from smnas.search.screening import Screen
from smnas.search.settings import SearchSettings
from smnas.space.coding import as_built
from smnas.space.modular import ModularSpace
from smnas.space.neighbourhood import frame_of
from smnas.trial.budget import Budget
from smnas.trial.front import Objective, comparable
from smnas.trial.metrics import METRICS
from smnas.trial.pruning_record import PruningRecord, pruning_record
from smnas.trial.trial import Proposal, Stage, Trial

_NORMS: tuple[Norm, ...] = get_args(Norm)


class History:
    """What ``SmNas`` asks of the trials; ``read`` brings it up to date."""

    def __init__(self, settings: SearchSettings, modular: ModularSpace) -> None:
        """Take what decides which trials are compared with which."""
        self._settings, self._modular = settings, modular
        self._objectives: dict[Stage, tuple[Objective, ...]] = {
            1: settings.stage_one_objectives,
            2: settings.stage_two_objectives,
        }
        self._all_objectives = tuple(
            dict.fromkeys(o for os in self._objectives.values() for o in os)
        )
        self.version = 0
        """Changes whenever something was read that was not known."""
        self._clear()

    def _clear(self) -> None:
        settings, parts = self._settings, self._settings.parts
        self.version += 1
        self._trials: list[Trial] = []
        self._tried: dict[Stage, set[DetectorArch]] = {1: set(), 2: set()}
        self._pools: dict[Hashable, Pool] = {}
        self._pools_of: list[list[Pool]] = []
        self._unfinished: dict[Stage, set[int]] = defaultdict(set)
        self._given: set[tuple[Stage, Budget, DetectorArch]] = set()
        self.spent: dict[Stage, Spent] = {1: Spent(), 2: Spent()}
        """By stage of the candidates."""
        self.begun: Counter[Hashable] = Counter()
        """How many archs stage one (1) and each group (its frame) have begun to train."""
        self.in_group: Counter[Hashable] = Counter()
        """How many trials of stage two lie in each neighbourhood, by its frame."""
        self.seeds: Counter[tuple[DetectorArch, Budget]] = Counter()
        """Trainings of each arch at each budget."""
        self.repeated_epochs = Fraction(0)
        """What second seeds have used."""
        self.pruning = PruningRecord(0, 0, 0)
        self.gains = Gains(self._objectives[1])
        self.screen = Screen(
            self._all_objectives,
            settings.seed,
            parts.screen_from,
            macs_alone=parts.screening == "macs",
        )
        self.rungs: dict[Budget, tuple[Rung, Budget]] = {}
        """Every rung from which trials go up, with the budget they go up to; highest first."""
        for stage in (2, 1):
            ladder = settings.ladder(stage)
            for lower, higher in reversed(list(pairwise(ladder))):
                rung = Rung(self._objectives[1], settings.cost, lowest=lower == ladder[0])
                self.rungs.setdefault(lower, (rung, higher))

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
            if before.outcome is None and trials[at].outcome is not None:
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

    def epochs_of(self, trial: Trial) -> Fraction:
        """Return for how many epochs a trial trains itself; exact, so that any order adds up."""
        lower = trial.proposal.continues
        before = None if lower is None else self._trials[lower].proposal.budget
        return Fraction(trial.proposal.budget.epochs_beyond(before)).limit_denominator(1000)

    def arm_of(self, trial: Trial) -> Hashable:
        """Return what a candidate was proposed for: stage one (1), or a group (its frame)."""
        return 1 if trial.proposal.stage == 1 else frame_of(trial.proposal.arch)

    def running(self) -> list[Trial]:
        """Return every candidate that is unfinished."""
        return [self._trials[n] for n in sorted(self._unfinished[1] | self._unfinished[2])]

    def structures(self, budget: Budget) -> Pool:
        """Return the trials of stage one with this budget."""
        return self._pool(1, budget, self._settings.cost)

    def group(self, frame: Hashable, budget: Budget) -> Pool:
        """Return the candidates with this budget in the neighbourhood with this frame."""
        return self._pool(frame, budget, self._settings.macs)

    def _pool(self, arm: Hashable, budget: Budget, cost: Objective) -> Pool:
        key = arm, budget
        if key not in self._pools:
            objectives = self._objectives[1 if arm == 1 else 2]
            order = None
            if self._settings.parts.pruning and METRICS[cost.metric].kind != "accuracy":
                order = PartialOrder(self._settings.merit, cost)
            self._pools[key] = Pool(objectives, order)
        return self._pools[key]

    def _begin(self, trial: Trial) -> None:
        proposal = trial.proposal
        self.version += 1
        self._trials.append(trial)
        pools: list[Pool] = []
        if proposal.is_candidate:
            pools = self._sort(trial)
        else:
            self._given.add((proposal.stage, proposal.budget, as_built(proposal.arch)))
        self._pools_of.append(pools)
        self._unfinished[proposal.stage].add(trial.number)
        if trial.outcome is not None:
            self._finish(len(self._trials) - 1)

    def _sort(self, trial: Trial) -> list[Pool]:
        """Enter a candidate wherever it counts, and return the pools that it takes part in."""
        proposal, settings = trial.proposal, self._settings
        network, budget = as_built(proposal.arch), proposal.budget
        tops: dict[Stage, Budget] = {1: settings.stage_one, 2: settings.stage_two}
        for stage, top in tops.items():
            if proposal.stage == stage or budget.schedule == top:
                self._tried[stage].add(network)
        spent, epochs = self.spent[proposal.stage], self.epochs_of(trial)
        spent.trials += 1
        spent.epochs += epochs
        again = self.seeds[proposal.arch, budget]
        self.seeds[proposal.arch, budget] += 1
        if again:
            self.repeated_epochs += epochs
        elif proposal.continues is None:
            self.begun[self.arm_of(trial)] += 1
        if proposal.continues is not None:
            lower = self._trials[proposal.continues]
            self.rungs[lower.proposal.budget][0].promote(lower)
        pools = [self.structures(budget)] if proposal.stage == 1 else []
        if self._modular.contains(proposal.arch):
            frame = frame_of(proposal.arch)
            self.in_group[frame] += proposal.stage == 2
            if budget.schedule == settings.stage_two:
                pools.append(self.group(frame, budget))
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
        if proposal.pruning is not None:
            self.pruning += pruning_record([trial])
        if trial.refused:
            self._refuse(trial)
        if trial.infeasible:  # with any budget
            for tried in self._tried.values():
                tried.add(as_built(proposal.arch))
        for pool in self._pools_of[at]:
            pool.finish(trial)
        if comparable([trial], self._all_objectives):
            self._learn(trial)

    def _refuse(self, trial: Trial) -> None:
        """Take back what a trial would have used; what is unfit is so with either norm."""
        spent = self.spent[trial.proposal.stage]
        spent.trials -= 1
        spent.epochs -= self.epochs_of(trial)
        spent.refused += 1
        self.begun[self.arm_of(trial)] -= 1
        if trial.pruned:
            return
        for norm in _NORMS:  # Counted and timed as deployed, its twin is no better.
            twin = as_built(trial.proposal.arch.replace(norm=norm))
            for tried in self._tried.values():
                tried.add(twin)

    def _learn(self, trial: Trial) -> None:
        """Take in what a candidate shows that has all its numbers."""
        self.gains.add(trial)
        self.screen.add(trial, float(self.epochs_of(trial)))
        budget = trial.proposal.budget
        if budget in self.rungs:
            self.rungs[budget][0].add(trial)


def _follows(old: Trial, new: Trial) -> bool:
    """Return whether ``new`` is ``old``, perhaps with its outcome."""
    same = old.proposal is new.proposal or old.proposal == new.proposal
    return same and old.later == new.later and old.outcome in (None, new.outcome)
