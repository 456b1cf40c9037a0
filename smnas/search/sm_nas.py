"""SM-NAS: first the structure, then the modules (paper.md 1 to 3), with parts of our own.

Stage one seeks structures on AP and measured time; stage two searches the backbone and the neck's
width around a few structures of its front, on AP and multiply-adds. The final trains the front of
both stages once more, and beside it the yardstick. Every part beyond the paper can be switched off
(``SearchParts``).
"""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from smnas.arch import DetectorArch
from smnas.search.evolution import Evolution, Judge
from smnas.search.groups import Groups
from smnas.search.history import History
from smnas.search.last_round import last_round
from smnas.search.pools import Pool
from smnas.search.repeats import next_repeat
from smnas.search.settings import SearchSettings
from smnas.search.starts import draw_starts
from smnas.search.stopping import search_is_over
from smnas.search.turns import Turns
from smnas.seeding import derive_seed, generator
from smnas.space.coding import as_built
from smnas.space.neighbourhood import Neighbourhood
from smnas.space.pair import SpacePair
from smnas.trial.budget import Budget
from smnas.trial.pruning import PruneRule
from smnas.trial.trial import Origin, Proposal, Stage, Trial

ENOUGH = 3
"""Archs that a rung must have trained for its front to be the one to move."""


class SmNas:
    """The two stages and the final as one ``Algorithm``.

    A free slot goes to a rung that can send a trial up, then to a near-tie that needs a second
    seed, then to a new proposal; there is no generation barrier. A failed trial counts as tried;
    one that was refused does not count as trained. Once ``settings.trials`` has grown, a finished
    search goes on.

    Args:
        spaces: What may be built.
        settings: How much may be tried, how it is divided, and which parts are at work.
    """

    def __init__(self, spaces: SpacePair, settings: SearchSettings) -> None:
        self._spaces, self._settings = spaces, settings
        self._history = History(settings, spaces.modular)
        starts = draw_starts(spaces, settings)
        self._stage_one = Evolution(
            spaces.structural, settings.cost, starts, settings.random_share, settings.parts
        )
        self._stage_two: dict[Hashable, Evolution] = {}
        """By the frame of the group's neighbourhood."""
        self._turns = Turns(self._history, Groups(spaces.modular, settings), settings)
        self._latest: tuple[int, Proposal | None] | None = None
        """The last proposal and what it was made from: ``done`` and ``ask`` want the same one."""

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
        proposal = self._propose_first_yardstick()
        if proposal is None and not search_is_over(history, self._settings):
            proposal = self._go_up() or self._repeat() or self._propose_new(number)
            if proposal is None and self._turns.may_search_groups():
                proposal = self._go_up(must_be_earned=False) or self._take_back_pruned()
        if proposal is None and not history.unfinished(1, 2):
            proposal = self._propose_final()
        self._latest = history.version, proposal
        return proposal

    def _propose_first_yardstick(self) -> Proposal | None:
        origin, budget = Origin(operator="yardstick"), self._settings.stage_one
        proposal = self._make(self._spaces.yardstick, "yardstick", origin, budget)
        return None if self._history.is_given(proposal) else proposal

    def _go_up(self, *, must_be_earned: bool = True) -> Proposal | None:
        """Return the next rung of a training that is worth going on with.

        Where nothing new is left to try, the budget is there for whatever is the best that waits.
        """
        eta = self._settings.parts.eta
        for rung, higher in self._history.rungs.values():
            trial = rung.next_up(eta) if must_be_earned else rung.best_waiting()
            if trial is not None:
                origin = _origin_from(trial, "promote")
                changes = {"origin": origin, "budget": higher, "continues": trial.number}
                return trial.proposal.model_copy(update={**changes, "pruning": None})
        return None

    def _take_back_pruned(self) -> Proposal | None:
        """Return what was pruned first, and has not been trained since."""
        candidates = [trial for trial in self._history.trials if trial.proposal.is_candidate]
        known = frozenset(as_built(t.proposal.arch) for t in candidates if not t.pruned)
        for trial in candidates:
            if trial.pruned and as_built(trial.proposal.arch) not in known:
                changes = {"origin": _origin_from(trial, "take-back"), "pruning": None}
                return trial.proposal.model_copy(update=changes)
        return None

    def _repeat(self) -> Proposal | None:
        """Return a second training of a near-tie on a front, if second seeds may use that much."""
        history, settings = self._history, self._settings
        spent = history.spent[1].epochs + history.spent[2].epochs
        for stage, pool in self._top_pools():
            budget = settings.ladder(stage)[-1]
            if history.repeated_epochs + budget.epochs > settings.parts.repeat_share * spent:
                continue
            cost = pool.objectives[-1] if stage == 2 else settings.cost
            trial = next_repeat(pool.front, settings.merit, cost, history.seeds)
            if trial is not None:
                had = history.seeds[trial.proposal.arch, trial.proposal.budget]
                seed = derive_seed(trial.proposal.seed, "repeat", had)
                origin = _origin_from(trial, "repeat")
                changes = {"origin": origin, "seed": seed, "continues": None, "pruning": None}
                return trial.proposal.model_copy(update=changes)
        return None

    def _top_pools(self) -> Iterator[tuple[int, Pool]]:
        yield 1, self._history.structures(self._settings.stage_one)
        for frame in self._stage_two:
            yield 2, self._history.group(frame, self._settings.stage_two)

    def _propose_new(self, number: int) -> Proposal | None:
        """Return a structure, or a member of a group: whoever's turn it is and has one."""
        front = self._structures_to_move()[0].front
        for group in self._turns.order(front):
            proposal = (
                self._propose_structure(number)
                if group is None
                else self._propose_in_group(*group, number)
            )
            if proposal is not None:
                return proposal
        return None

    def _propose_structure(self, number: int) -> Proposal | None:
        history, settings = self._history, self._settings
        pool, budget = self._structures_to_move()
        lowest = history.structures(settings.ladder(1)[0])
        found = self._stage_one.propose(
            history.begun[1],
            _parents(pool, lowest),
            history.tried(1),
            self._generator(number),
            self._judge(pool, budget, number),
        )
        if found is None:
            return None
        rule = self._rule(found[0], history.structures(settings.stage_one), number)
        return self._make(found[0], 1, found[1], settings.ladder(1)[0], rule)

    def _propose_in_group(
        self, structure: Trial, around: Neighbourhood, number: int
    ) -> Proposal | None:
        """Return the structure itself where its numbers are not known at this budget, else a move.

        Stage-one trials of equal budget that lie in the neighbourhood are parents too.
        """
        history, settings, frame = self._history, self._settings, around.frame
        ladder = settings.ladder(2)
        pools = [history.group(frame, budget) for budget in ladder]
        if frame not in self._stage_two:
            self._stage_two[frame] = Evolution(
                around, settings.macs, (), settings.random_share, settings.parts
            )
        if as_built(around.entry) not in history.tried(2):
            found = around.entry, Origin(operator="enter", parent=structure.number)
        else:
            at = _highest(pools)
            found = self._stage_two[frame].propose(
                history.begun[frame],
                _parents(pools[at], pools[0]),
                history.tried(2),
                self._generator(number),
                self._judge(pools[at], ladder[at], number),
            )
        if found is None:
            return None
        origin = found[1].model_copy(update={"group": structure.number})
        return self._make(found[0], 2, origin, ladder[0], self._rule(found[0], pools[-1], number))

    def _structures_to_move(self) -> tuple[Pool, Budget]:
        """Return the structures whose front is to be moved, and their budget."""
        ladder = self._settings.ladder(1)
        pools = [self._history.structures(budget) for budget in ladder]
        at = _highest(pools)
        return pools[at], ladder[at]

    def _judge(self, pool: Pool, budget: Budget, number: int) -> Judge | None:
        """Return what screens offspring by the chance to move the front of ``pool``."""
        screen = self._history.screen
        if self._settings.parts.screening == "none" or not screen.is_ready(number):
            return None
        front, objectives = tuple(pool.front), pool.objectives
        running = [trial.proposal.arch for trial in self._history.running()]
        return lambda offspring: screen.score(offspring, budget, front, objectives, number, running)

    def _rule(self, arch: DetectorArch, pool: Pool, number: int) -> PruneRule | None:
        """Return what would have ``arch`` pruned, now and then with the order to train it.

        It is told by whole trainings: in short ones the shallower network is often the better one.
        """
        parts, history = self._settings.parts, self._history
        if pool.order is None or not history.pruning.is_trusted:
            return None
        rule = pool.order.rule_for(arch)
        draw = generator(self._settings.seed, "spared", number).random()
        spared = {"spared": draw < parts.spared_share}
        return None if rule is None else rule.model_copy(update=spared)

    def _generator(self, number: int) -> np.random.Generator:
        """Return what proposal ``number`` draws from, anew for each attempt to make it.

        What an attempt draws that comes to nothing must not change what the next one draws.
        """
        return generator(self._settings.seed, "proposal", number)

    def _propose_final(self) -> Proposal | None:
        """Return the first training of the last round that is missing."""
        final, history = self._settings.final, self._history
        for last in last_round(history.trials, self._spaces, self._settings):
            proposal = self._make(last.arch, last.stage, last.origin, final)
            if not history.is_given(proposal):
                return proposal
        return None

    def _make(
        self,
        arch: DetectorArch,
        stage: Stage,
        origin: Origin,
        budget: Budget,
        rule: PruneRule | None = None,
    ) -> Proposal:
        purpose = "training" if stage in (1, 2) else stage
        seed = derive_seed(self._settings.seed, purpose, arch.arch_id, budget.schedule)
        return Proposal(
            arch=arch, stage=stage, origin=origin, budget=budget, seed=seed, pruning=rule
        )


def _origin_from(trial: Trial, operator: str) -> Origin:
    return Origin(operator=operator, parent=trial.number, group=trial.proposal.origin.group)


def _highest(pools: Sequence[Pool]) -> int:
    """Return the position of the highest rung whose front counts: enough have come so far."""
    known = [at for at, pool in enumerate(pools) if pool.finished >= ENOUGH]
    return max(known, default=0)


def _parents(pool: Pool, lowest: Pool) -> list[Trial]:
    """Return the front that is to be moved, and beside it what is new and not gone up yet."""
    if pool is lowest:
        return pool.front
    archs = frozenset(trial.proposal.arch for trial in pool.front)
    return [*pool.front, *(t for t in lowest.front if t.proposal.arch not in archs)]
