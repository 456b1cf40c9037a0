"""The search that users would run instead: structure and modules together, by any proposer.

Everything but the proposals is as in ``SmNas``: the same choices, starts, budgets, seeds of
trainings, finals and yardstick, so that only the proposers are compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from smnas.arch import DetectorArch
from smnas.search.last_round import last_round
from smnas.search.ledger import Ledger
from smnas.search.promotion import PromotionRule
from smnas.search.proposers import Proposer, RandomSearch, Suggestion
from smnas.search.settings import SearchSettings
from smnas.search.stopping import REFUSALS_PER_TRIAL
from smnas.seeding import derive_seed, generator
from smnas.space.coding import as_built
from smnas.space.contract import SearchSpace
from smnas.space.pair import SpacePair
from smnas.trial.budget import Budget
from smnas.trial.trial import Origin, Proposal, Stage, Trial

DRAWS = 20
"""How often a proposer is asked again where it gives what was tried; nobody is charged for it."""


@dataclass(frozen=True)
class Rungs:
    """How trainings are cut short, and which go on.

    Attributes:
        ladder: Budgets, lowest first; one alone where nothing is cut short.
        make_rule: Makes the rule by which trials go up from one rung.
        eta: About one in so many goes up.
    """

    ladder: tuple[Budget, ...]
    make_rule: Callable[[], PromotionRule]
    eta: int


class OneStage:
    """Candidates of one space, then finals and yardstick, as an ``Algorithm``."""

    def __init__(
        self,
        spaces: SpacePair,
        settings: SearchSettings,
        space: SearchSpace,
        proposer: Proposer,
        starts: Sequence[DetectorArch],
        rungs: Rungs,
    ) -> None:
        """Take what makes the proposals.

        Args:
            spaces: For the yardstick.
            settings: How much may be tried, in whole trainings.
            space: Where candidates come from.
            proposer: How they are drawn, once the starts are.
            starts: Members that are proposed first, whatever the proposer.
            rungs: How trainings are cut short.
        """
        self._spaces, self._settings = spaces, settings
        self._space, self._proposer, self._rungs = space, proposer, rungs
        self._starts = [(arch, as_built(arch)) for arch in starts]
        self._ledger = Ledger(settings.stage_one_objectives, rungs.ladder, rungs.make_rule)
        self._latest: tuple[int, Proposal | None] | None = None
        """The last proposal and what it was made from: ``done`` and ``ask`` want the same one."""

    def ask(self, trials: Sequence[Trial], slots: int) -> list[Proposal]:
        """Return what to try next (see ``Algorithm.ask``)."""
        known, proposals = list(trials), list[Proposal]()
        for _ in range(slots):
            self._ledger.read(known)
            proposal = self._propose(len(known))
            if proposal is None:
                break
            proposals.append(proposal)
            known.append(Trial(number=len(known), proposal=proposal))
        return proposals

    def done(self, trials: Sequence[Trial]) -> bool:
        """Return whether nothing runs and nothing is left to propose."""
        self._ledger.read(trials)
        return not self._ledger.unfinished() and self._propose(len(trials)) is None

    def _propose(self, number: int) -> Proposal | None:
        ledger = self._ledger
        if self._latest is not None and self._latest[0] == ledger.version:
            return self._latest[1]
        proposal = self._propose_first_yardstick()
        if proposal is None and not self._is_spent():
            proposal = self._promote() or self._propose_candidate(number)
        if proposal is None and not ledger.unfinished(1):
            proposal = self._propose_final()
        self._latest = ledger.version, proposal
        return proposal

    def _propose_first_yardstick(self) -> Proposal | None:
        origin, budget = Origin(operator="yardstick"), self._settings.stage_one
        proposal = self._make(self._spaces.yardstick, "yardstick", origin, budget)
        return None if self._ledger.is_given(proposal) else proposal

    def _is_spent(self) -> bool:
        """Return whether the epochs of all trainings, or the seconds, are used up."""
        settings, ledger = self._settings, self._ledger
        whole = settings.trials * self._rungs.ladder[-1].epochs
        limits = (
            (ledger.refused, REFUSALS_PER_TRIAL * settings.trials),
            (ledger.epochs, whole if settings.epochs is None else min(whole, settings.epochs)),
            (ledger.seconds, settings.seconds),
        )
        return any(limit is not None and used >= limit for used, limit in limits)

    def _promote(self) -> Proposal | None:
        """Return the continuation of a trial that belongs up, highest rungs first."""
        for lower, higher in reversed(list(pairwise(self._rungs.ladder))):
            trial = self._ledger.rungs[lower].next_up(self._rungs.eta)
            if trial is not None:
                origin = Origin(operator="promote", parent=trial.number)
                changes = {"origin": origin, "budget": higher, "continues": trial.number}
                return trial.proposal.model_copy(update=changes)
        return None

    def _propose_candidate(self, number: int) -> Proposal | None:
        """Return a member that has not been tried: a start, the proposer's, or a random one."""
        found = self._next_start() or self._draw(number) or self._first_left()
        return None if found is None else self._make(found[0], 1, found[1], self._rungs.ladder[0])

    def _next_start(self) -> Suggestion | None:
        if len(self._ledger.begun) >= len(self._starts):
            return None
        fresh = (arch for arch, network in self._starts if network not in self._ledger.tried)
        start = next(fresh, None)
        return None if start is None else (start, Origin(operator="sample"))

    def _draw(self, number: int) -> Suggestion | None:
        """Return what the proposer draws; where it stays with what was tried, a random member."""
        for proposer in (self._proposer, RandomSearch(self._space)):
            for attempt in range(DRAWS):
                rng = generator(self._settings.seed, "proposal", number, attempt)
                found = proposer.draw(self._ledger, rng)
                if found is None:
                    break
                if as_built(found[0]) not in self._ledger.tried:
                    return found
        return None

    def _first_left(self) -> Suggestion | None:
        """Return the first member that has not been tried, or None where the space is used up."""
        for arch in self._space.enumerate():
            if as_built(arch) not in self._ledger.tried:
                return arch, Origin(operator="sample")
        return None

    def _propose_final(self) -> Proposal | None:
        """Return the first training of the last round that is missing."""
        final = self._settings.final
        for last in last_round(self._ledger.trials, self._spaces, self._settings):
            proposal = self._make(last.arch, last.stage, last.origin, final)
            if not self._ledger.is_given(proposal):
                return proposal
        return None

    def _make(self, arch: DetectorArch, stage: Stage, origin: Origin, budget: Budget) -> Proposal:
        purpose = "training" if stage == 1 else stage
        seed = derive_seed(self._settings.seed, purpose, arch.arch_id, budget.schedule)
        return Proposal(arch=arch, stage=stage, origin=origin, budget=budget, seed=seed)
