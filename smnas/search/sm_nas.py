"""SM-NAS in the paper's plain form: first the structure, then the modules (paper.md 1 to 3).

Stage one seeks structures on AP and measured time; stage two searches the backbone and the neck's
width around a few structures of its front, on AP and multiply-adds. The final trains the front of
both stages once more, and beside it the yardstick.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from smnas.arch import DetectorArch
from smnas.search.evolution import Evolution
from smnas.search.finals import choose_finalists, final_arch
from smnas.search.history import History, Spent
from smnas.search.settings import SearchSettings
from smnas.seeding import derive_seed, generator
from smnas.space.coding import as_built
from smnas.space.modular import Neighbourhood
from smnas.space.pair import SpacePair
from smnas.trial.budget import Budget
from smnas.trial.front import spread_along
from smnas.trial.trial import Origin, Proposal, Stage, Trial

REFUSALS_PER_TRIAL = 50
"""A stage ends when so many proposals per candidate that it may train have broken a constraint."""


class SmNas:
    """The two stages and the final as one ``Algorithm``.

    There is no generation barrier: a free slot gets a proposal whenever the stage allows one. Stage
    two begins when stage one has no unfinished trial, the final when no candidate is unfinished. A
    failed trial counts as tried; one that broke a constraint does not count as trained. Once
    ``settings.trials`` has grown, a finished search goes on.

    Args:
        spaces: What may be built.
        settings: How much may be tried, and how it is divided.
    """

    def __init__(self, spaces: SpacePair, settings: SearchSettings) -> None:
        self._spaces = spaces
        self._settings = settings
        self._history = History(settings, spaces.modular)
        rng = generator(settings.seed, "starts")
        starts = spaces.structural.sample_spread(settings.seeds, rng)
        self._stage_one = Evolution(spaces.structural, settings.cost, starts, settings.random_share)
        self._stage_two: dict[Hashable, Evolution] = {}
        """By the frame of the group's neighbourhood."""
        self._latest: tuple[int, Proposal | None] | None = None
        """The last proposal and what it was made from: ``done`` and ``ask`` want the same one."""
        self._grouped: tuple[list[int], list[tuple[Trial, Neighbourhood]]] | None = None
        """The groups, and the numbers of the front that they were chosen from."""

    def ask(self, trials: Sequence[Trial], slots: int) -> list[Proposal]:
        """Return what to try next (see ``Algorithm.ask``)."""
        known, proposals = list(trials), list[Proposal]()
        for _ in range(slots):
            self._history.read(known)
            number = known[-1].number + 1 if known else 0
            proposal = self._propose(number)
            if proposal is None:
                break
            proposals.append(proposal)
            known.append(Trial(number=number, proposal=proposal))
        return proposals

    def done(self, trials: Sequence[Trial]) -> bool:
        """Return whether nothing runs and nothing is left to propose."""
        self._history.read(trials)
        return not self._history.unfinished() and self._propose(len(trials)) is None

    def _propose(self, number: int) -> Proposal | None:
        """Return the next proposal; each phase has its turn when those before have nothing."""
        history = self._history
        if self._latest is not None and self._latest[0] == history.version:
            return self._latest[1]
        proposal = self._propose_first_yardstick() or self._propose_structure(number)
        if proposal is None and not history.unfinished(1):
            proposal = self._propose_modules(number)
        if proposal is None and not history.unfinished(1, 2):
            proposal = self._propose_final()
        self._latest = history.version, proposal
        return proposal

    def _propose_first_yardstick(self) -> Proposal | None:
        origin, budget = Origin(operator="yardstick"), self._settings.stage_one
        proposal = self._make(self._spaces.yardstick, "yardstick", origin, budget)
        return None if self._history.is_given(proposal) else proposal

    def _generator(self, number: int) -> np.random.Generator:
        """Return what proposal ``number`` draws from, anew for each attempt to make it.

        What an attempt draws that comes to nothing must not change what the next one draws.
        """
        return generator(self._settings.seed, "proposal", number)

    def _propose_structure(self, number: int) -> Proposal | None:
        history, settings = self._history, self._settings
        if self._is_spent(history.spent[1], settings.stage_one_trials, settings.stage_one_share):
            return None
        rng = self._generator(number)
        found = self._stage_one.propose(history.structures(), history.tried(1), rng)
        return None if found is None else self._make(found[0], 1, found[1], settings.stage_one)

    def _propose_modules(self, number: int) -> Proposal | None:
        """Return a member for the group that has had fewest, or for the next that has one."""
        history = self._history
        if self._is_spent(history.spent[1] + history.spent[2], self._settings.trials, 1.0):
            return None
        groups = self._groups()
        shares = [history.in_group[around.frame] for _, around in groups]
        for at in sorted(range(len(groups)), key=lambda i: (shares[i], i)):
            proposal = self._propose_in_group(*groups[at], self._generator(number))
            if proposal is not None:
                return proposal
        return None

    def _groups(self) -> list[tuple[Trial, Neighbourhood]]:
        """Return the structures that stage two searches around, spread along log cost.

        Structures that differ in nothing but what stage two searches share a neighbourhood; the
        most accurate one stands for it.
        """
        best = self._history.structures().front
        numbers = [trial.number for trial in best]
        if self._grouped is None or self._grouped[0] != numbers:
            self._grouped = numbers, self._choose_groups(best)
        return self._grouped[1]

    def _choose_groups(self, best: Sequence[Trial]) -> list[tuple[Trial, Neighbourhood]]:
        settings = self._settings
        groups: dict[Hashable, tuple[Trial, Neighbourhood]] = {}
        for trial in sorted(best, key=lambda t: (-settings.merit.of(t), t.number)):
            around = self._spaces.modular.around(trial.proposal.arch)
            groups.setdefault(around.frame, (trial, around))
        around_of = {trial.number: around for trial, around in groups.values()}
        chosen = spread_along(
            [trial for trial, _ in groups.values()], settings.cost, settings.groups
        )
        return [(trial, around_of[trial.number]) for trial in chosen]

    def _propose_in_group(
        self, structure: Trial, around: Neighbourhood, rng: np.random.Generator
    ) -> Proposal | None:
        """Return the structure itself where its numbers are not known at this budget, else a move.

        Stage-one trials of equal budget that lie in the neighbourhood are parents too.
        """
        settings, tried = self._settings, self._history.tried(2)
        if as_built(around.entry) not in tried:
            found = around.entry, Origin(operator="enter", parent=structure.number)
        else:
            if around.frame not in self._stage_two:
                evolution = Evolution(around, settings.macs, (), settings.random_share)
                self._stage_two[around.frame] = evolution
            pool = self._history.group(around.frame)
            found = self._stage_two[around.frame].propose(pool, tried, rng)
        if found is None:
            return None
        origin = found[1].model_copy(update={"group": structure.number})
        return self._make(found[0], 2, origin, settings.stage_two)

    def _propose_final(self) -> Proposal | None:
        """Return the first final that is missing, then the yardstick with the same training."""
        settings, history = self._settings, self._history
        finalists = choose_finalists(history.trials, settings)
        wanted = [
            self._make(
                final_arch(trial.proposal.arch, settings),
                "final",
                Origin(operator="final", parent=trial.number, group=trial.proposal.origin.group),
                settings.final,
            )
            for trial in finalists
        ]
        if finalists:
            arch, origin = (
                final_arch(self._spaces.yardstick, settings),
                Origin(operator="yardstick"),
            )
            wanted.append(self._make(arch, "yardstick", origin, settings.final))
        return next((proposal for proposal in wanted if not history.is_given(proposal)), None)

    def _is_spent(self, spent: Spent, trials: int, share: float) -> bool:
        """Return whether the candidates' count, or their share of the seconds, is used up."""
        seconds = self._settings.seconds
        limit = None if seconds is None else share * seconds
        return spent.reaches(trials, REFUSALS_PER_TRIAL * trials, limit)

    def _make(self, arch: DetectorArch, stage: Stage, origin: Origin, budget: Budget) -> Proposal:
        purpose = "training" if stage in (1, 2) else stage
        seed = derive_seed(self._settings.seed, purpose, arch.arch_id, budget)
        return Proposal(arch=arch, stage=stage, origin=origin, budget=budget, seed=seed)
