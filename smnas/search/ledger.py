"""The trials of a search that has one stage, sorted once as they come.

What a ledger answers is a function of the trials alone; it only saves the work of sorting them
again for every proposal.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress, count
from math import fsum
from operator import is_not
from typing import get_args

from smnas.arch import DetectorArch
from smnas.arch.parts import Norm
from smnas.search.promotion import PromotionRule
from smnas.space.coding import as_built
from smnas.trial.budget import Budget
from smnas.trial.front import GrowingFront, Objective, comparable
from smnas.trial.trial import Proposal, Stage, Trial

_NORMS: tuple[Norm, ...] = get_args(Norm)


class Ledger:
    """What ``OneStage`` and its proposers ask of the trials; ``read`` brings it up to date."""

    def __init__(
        self,
        objectives: Sequence[Objective],
        ladder: Sequence[Budget],
        make_rule: Callable[[], PromotionRule],
    ) -> None:
        """Begin without a trial.

        Args:
            objectives: What fronts are taken over.
            ladder: Budgets of the rungs, lowest first; one alone where there are no rungs.
            make_rule: Makes the rule by which trials go up from one rung.
        """
        self._objectives, self._ladder, self._make_rule = tuple(objectives), ladder, make_rule
        self.version = 0
        """Changes whenever something was read that was not known."""
        self._clear()

    def _clear(self) -> None:
        self.version += 1
        self.trials: list[Trial] = []
        """All that was read."""
        self.begun: list[Trial] = []
        """Candidates at the lowest rung that have not been refused, in order."""
        self.front = GrowingFront(self._objectives)
        """Of the lowest rung, where all candidates are."""
        self.rungs = {budget: self._make_rule() for budget in self._ladder[:-1]}
        """By budget, what decides which of its trials go up."""
        self.refused = 0
        self._tried: set[DetectorArch] = set()
        self._seconds: list[float] = []
        self._epochs: dict[int, float] = {}
        self._unfinished: dict[Stage, set[int]] = defaultdict(set)
        self._given: set[Hashable] = set()

    def read(self, trials: Sequence[Trial]) -> None:
        """Take in what is new in ``trials``; where they contradict what is known, begin again."""
        known = self.trials
        changed = list(compress(count(), map(is_not, known, trials)))
        if len(trials) < len(known) or not all(_follows(known[i], trials[i]) for i in changed):
            self._clear()
            changed = []
        for at in changed:
            before, self.trials[at] = self.trials[at], trials[at]
            if before.outcome is None:
                self._finish(trials[at])
        for trial in trials[len(self.trials) :]:
            self._begin(trial)

    @property
    def tried(self) -> AbstractSet[DetectorArch]:
        """What is not proposed again, as built: what was tried, and what broke a constraint."""
        return self._tried

    @property
    def epochs(self) -> float:
        """What the candidates have trained or are training, cooldowns of rungs included."""
        return fsum(self._epochs.values())

    @property
    def seconds(self) -> float:
        """What the candidates' trials took."""
        return fsum(self._seconds)

    def unfinished(self, *stages: Stage) -> bool:
        """Return whether a trial of one of the stages is unfinished; of any where none is named."""
        return any(self._unfinished[stage] for stage in stages or tuple(self._unfinished))

    def is_given(self, proposal: Proposal) -> bool:
        """Return whether a final or yardstick has had the proposal's network and budget."""
        return _identity(proposal) in self._given

    def _begin(self, trial: Trial) -> None:
        self.version += 1
        proposal = trial.proposal
        self.trials.append(trial)
        self._unfinished[proposal.stage].add(trial.number)
        if proposal.is_candidate:
            self._tried.add(as_built(proposal.arch))
            lower = None if proposal.continues is None else self.trials[proposal.continues]
            before = None if lower is None else lower.proposal.budget
            self._epochs[trial.number] = proposal.budget.epochs_beyond(before)
            if lower is None:
                self.begun.append(trial)
            else:
                self.rungs[lower.proposal.budget].promote(lower)
        else:
            self._given.add(_identity(proposal))
        if trial.outcome is not None:
            self._finish(trial)

    def _finish(self, trial: Trial) -> None:
        self.version += 1
        proposal, outcome = trial.proposal, trial.outcome
        if outcome is None:
            return
        self._unfinished[proposal.stage].discard(trial.number)
        if not proposal.is_candidate:
            return
        self._seconds.append(outcome.seconds)
        if proposal.continues is None:
            at = next(i for i, t in enumerate(self.begun) if t.number == trial.number)
            self.begun[at] = trial
            if trial.refused:
                self._refuse(at)
            else:
                self.front.add(trial)
        if proposal.budget in self.rungs and comparable([trial], self._objectives):
            self.rungs[proposal.budget].add(trial)

    def _refuse(self, at: int) -> None:
        trial = self.begun.pop(at)
        self.refused += 1
        del self._epochs[trial.number]
        # Counted and timed as deployed, its twin with the other norm is no better.
        arch = trial.proposal.arch
        self._tried.update(as_built(arch.replace(norm=norm)) for norm in _NORMS)


def _identity(proposal: Proposal) -> Hashable:
    return proposal.stage, proposal.budget, as_built(proposal.arch)


def _follows(old: Trial, new: Trial) -> bool:
    """Return whether ``new`` is ``old``, perhaps with its outcome."""
    same = old.proposal is new.proposal or old.proposal == new.proposal
    return same and old.later == new.later and old.outcome in (None, new.outcome)
