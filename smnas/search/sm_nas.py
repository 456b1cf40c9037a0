"""SM-NAS in the paper's plain form: first the structure, then the modules (paper.md 1 to 3).

Stage one seeks structures on AP and measured time; stage two searches the backbone and the neck's
width around a few structures of its front, on AP and multiply-adds. The final trains the front of
both stages once more, and beside it the yardstick.
"""

from collections.abc import Sequence

import numpy as np

from smnas.arch import DetectorArch
from smnas.search.evolution import Evolution
from smnas.search.finals import choose_finalists, final_arch
from smnas.search.settings import SearchSettings
from smnas.seeding import derive_seed, generator
from smnas.space.coding import as_built
from smnas.space.modular import Neighbourhood
from smnas.space.pair import SpacePair
from smnas.trial.budget import Budget
from smnas.trial.front import front, spread_along
from smnas.trial.trial import Origin, Proposal, Stage, Trial


class SmNas:
    """The two stages and the final as one ``Algorithm``.

    There is no generation barrier: a free slot gets a proposal whenever the stage allows one. Stage
    two begins when stage one has no unfinished trial, the final when no candidate is unfinished. A
    failed trial counts as tried. Once ``settings.trials`` has grown, a finished search goes on.

    Args:
        spaces: What may be built.
        settings: How much may be tried, and how it is divided.
    """

    def __init__(self, spaces: SpacePair, settings: SearchSettings) -> None:
        self._spaces = spaces
        self._settings = settings
        self._stage_one = Evolution(
            spaces.structural,
            settings.ap,
            settings.latency,
            seeds=settings.seeds,
            random_share=settings.random_share,
        )

    def ask(self, trials: Sequence[Trial], slots: int) -> list[Proposal]:
        """Return what to try next (see ``Algorithm.ask``)."""
        known, proposals = list(trials), list[Proposal]()
        for _ in range(slots):
            number = known[-1].number + 1 if known else 0
            proposal = self._propose(known, generator(self._settings.seed, "proposal", number))
            if proposal is None:
                break
            proposals.append(proposal)
            known.append(Trial(number=number, proposal=proposal))
        return proposals

    def done(self, trials: Sequence[Trial]) -> bool:
        """Return whether nothing runs and nothing is left to propose."""
        return not _unfinished(trials) and not self.ask(trials, 1)

    def _propose(self, trials: list[Trial], rng: np.random.Generator) -> Proposal | None:
        """Return the next proposal; each phase has its turn when those before have nothing."""
        proposal = self._propose_first_yardstick(trials) or self._propose_structure(trials, rng)
        if proposal is None and not _unfinished(_of_stage(trials, 1)):
            proposal = self._propose_modules(trials, rng)
        if proposal is None and not _unfinished(_candidates(trials)):
            proposal = self._propose_final(trials)
        return proposal

    def _propose_first_yardstick(self, trials: list[Trial]) -> Proposal | None:
        return self._unless_known(
            trials,
            self._make(
                self._spaces.yardstick,
                "yardstick",
                Origin(operator="yardstick"),
                self._settings.stage_one,
            ),
        )

    def _propose_structure(self, trials: list[Trial], rng: np.random.Generator) -> Proposal | None:
        pool, budget = _of_stage(trials, 1), self._settings.stage_one
        if self._is_spent(pool, self._settings.stage_one_trials, self._settings.stage_one_share):
            return None
        found = self._stage_one.propose(pool, _tried(trials, 1, budget), rng)
        return None if found is None else self._make(found[0], 1, found[1], budget)

    def _propose_modules(self, trials: list[Trial], rng: np.random.Generator) -> Proposal | None:
        """Return a member for the group that has had fewest, or for the next that has one."""
        if self._is_spent(_candidates(trials), self._settings.trials, 1.0):
            return None
        groups = self._groups(trials)
        shares = [sum(map(around.contains, _archs(trials, 2))) for _, around in groups]
        for at in sorted(range(len(groups)), key=lambda i: (shares[i], i)):
            proposal = self._propose_in_group(trials, *groups[at], rng)
            if proposal is not None:
                return proposal
        return None

    def _groups(self, trials: list[Trial]) -> list[tuple[Trial, Neighbourhood]]:
        """Return the structures that stage two searches around, spread along log latency.

        Structures that differ in nothing but what stage two searches share a neighbourhood; the
        most accurate one stands for it.
        """
        settings = self._settings
        best = front(_of_stage(trials, 1), (settings.ap, settings.latency))
        groups: list[tuple[Trial, Neighbourhood]] = []
        for trial in sorted(best, key=lambda t: (-t.value("ap"), t.number)):
            around = self._spaces.modular.around(trial.proposal.arch)
            if all(around.frame != other.frame for _, other in groups):
                groups.append((trial, around))
        chosen = spread_along([trial for trial, _ in groups], settings.latency, settings.groups)
        around_of = {trial.number: around for trial, around in groups}
        return [(trial, around_of[trial.number]) for trial in chosen]

    def _propose_in_group(
        self,
        trials: list[Trial],
        structure: Trial,
        around: Neighbourhood,
        rng: np.random.Generator,
    ) -> Proposal | None:
        """Return the structure itself where its numbers are not known at this budget, else a move.

        Stage-one trials of equal budget that lie in the neighbourhood are parents too.
        """
        settings, budget = self._settings, self._settings.stage_two
        tried = _tried(trials, 2, budget)
        if as_built(around.entry) not in tried:
            found = around.entry, Origin(operator="enter", parent=structure.number)
        else:
            evolution = Evolution(around, settings.ap, settings.macs, 0, settings.random_share)
            pool = [
                trial
                for trial in _candidates(trials)
                if trial.proposal.budget == budget and around.contains(trial.proposal.arch)
            ]
            found = evolution.propose(pool, tried, rng)
        if found is None:
            return None
        origin = found[1].model_copy(update={"group": structure.number})
        return self._make(found[0], 2, origin, budget)

    def _propose_final(self, trials: list[Trial]) -> Proposal | None:
        """Return the first final that is missing, then the yardstick with the same training."""
        settings = self._settings
        finalists = choose_finalists(trials, settings)
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
        missing = [proposal for proposal in wanted if self._unless_known(trials, proposal)]
        return missing[0] if missing else None

    def _is_spent(self, candidates: list[Trial], count: int, share: float) -> bool:
        """Return whether ``candidates`` have used up their count, or their share of the seconds."""
        seconds = sum(trial.outcome.seconds for trial in candidates if trial.outcome)
        limit = self._settings.seconds
        return len(candidates) >= count or (limit is not None and seconds >= share * limit)

    def _make(self, arch: DetectorArch, stage: Stage, origin: Origin, budget: Budget) -> Proposal:
        purpose = "training" if stage in (1, 2) else stage
        seed = derive_seed(self._settings.seed, purpose, arch.arch_id, budget)
        return Proposal(arch=arch, stage=stage, origin=origin, budget=budget, seed=seed)

    def _unless_known(self, trials: list[Trial], proposal: Proposal) -> Proposal | None:
        """Return the proposal, or None where a trial of its stage has its network and budget."""
        network = as_built(proposal.arch)
        known = any(
            trial.proposal.stage == proposal.stage
            and trial.proposal.budget == proposal.budget
            and as_built(trial.proposal.arch) == network
            for trial in trials
        )
        return None if known else proposal


def _of_stage(trials: Sequence[Trial], stage: Stage) -> list[Trial]:
    return [trial for trial in trials if trial.proposal.stage == stage]


def _archs(trials: Sequence[Trial], stage: Stage) -> list[DetectorArch]:
    return [trial.proposal.arch for trial in _of_stage(trials, stage)]


def _candidates(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.proposal.is_candidate]


def _unfinished(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.outcome is None]


def _tried(trials: Sequence[Trial], stage: Stage, budget: Budget) -> frozenset[DetectorArch]:
    """Return what ``stage`` does not propose again: what it tried, and what has its budget."""
    return frozenset(
        as_built(trial.proposal.arch)
        for trial in _candidates(trials)
        if trial.proposal.stage == stage or trial.proposal.budget == budget
    )
