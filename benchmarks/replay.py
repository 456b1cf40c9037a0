"""A search played on a closed table: the clock is simulated, the answers were measured."""

import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from closed_table import ClosedTable, Member, RungResult
from made_up import made_up

from smnas.arch import DetectorArch
from smnas.search import Algorithm, SearchSettings
from smnas.seeding import derive_seed
from smnas.trial.budget import Budget
from smnas.trial.front import front
from smnas.trial.measurement import Measurement
from smnas.trial.repeats import merge_repeats
from smnas.trial.trial import Failure, Outcome, Proposal, Trial


@dataclass
class Curve:
    """How good the named front was after how much."""

    epochs: list[float] = field(default_factory=list[float])
    """Trained by all trials that have ended."""
    seconds: list[float] = field(default_factory=list[float])
    """On the simulated clock."""
    scores: list[float] = field(default_factory=list[float])
    """Share of the reference hypervolume."""

    def cost_to(self, share: float) -> tuple[float, float] | None:
        """Return epochs and seconds after which the score first reached ``share``, or None."""
        for epochs, seconds, score in zip(self.epochs, self.seconds, self.scores, strict=True):
            if score >= share:
                return epochs, seconds
        return None


class Replay:
    """One search: which seed's training a member shows is drawn by the search's seed."""

    def __init__(self, table: ClosedTable, settings: SearchSettings, slots: int) -> None:
        """Take what answers, what decides when a budget is the top, and how many trials run."""
        self._table, self._settings, self._slots = table, settings, slots

    def play(self, algorithm: Algorithm, until: float = 0.95) -> Curve:
        """Return the curve, up to where the score reaches ``until`` or the candidates end.

        The searcher's own thinking is measured and counts; while it thinks, trials go on.
        """
        known: list[Trial] = []
        running: list[tuple[float, int, float, Outcome]] = []
        clock, epochs, curve = 0.0, 0.0, Curve()
        while True:
            began = time.perf_counter()
            proposals = algorithm.ask(known, self._slots - len(running))
            clock += time.perf_counter() - began
            for proposal in proposals:
                number = len(known)
                known.append(Trial(number=number, proposal=proposal))
                outcome, own_epochs = self.answer(proposal, known)
                heapq.heappush(running, (clock + outcome.seconds, number, own_epochs, outcome))
            if not running or self._is_over(known):
                return curve
            ended, number, own_epochs, outcome = heapq.heappop(running)
            clock = max(clock, ended)
            known[number] = known[number].model_copy(update={"outcome": outcome})
            if known[number].proposal.is_candidate:
                epochs += own_epochs
                curve.epochs.append(epochs)
                curve.seconds.append(clock)
                curve.scores.append(self._table.score(self.named(known)))
                if curve.scores[-1] >= until:
                    return curve

    def answer(self, proposal: Proposal, known: Sequence[Trial]) -> tuple[Outcome, float]:
        """Return what a proposal's member measured, and the epochs that it trained for that.

        The yardstick is no candidate and costs nothing here.
        """
        member = self._table.members[proposal.arch]
        refused = _refuse(member, proposal)
        if refused is not None:
            return refused, 0.0
        if not member.trainings:
            failure = Failure(stage="training", reason="it failed in the table")
            return Outcome(failure=failure, seconds=member.start_seconds), 0.0
        rung = self._find(member, proposal)
        if not proposal.is_candidate:
            return Outcome(measurements=measured(member, rung)), 0.0
        before = 0
        if proposal.continues is not None:
            before = known[proposal.continues].proposal.budget.epochs
        epochs = rung.epochs - before + rung.cooldown_epochs
        seconds = member.start_seconds + epochs * rung.seconds_per_epoch + rung.evaluate_seconds
        if before == 0:
            seconds += member.time_seconds
        return Outcome(measurements=measured(member, rung), seconds=seconds), epochs

    def _find(self, member: Member, proposal: Proposal) -> RungResult:
        at = derive_seed(self._settings.seed, "training of", proposal.arch.arch_id)
        if proposal.origin.operator == "repeat":
            at = proposal.seed
        rungs = member.trainings[at % len(member.trainings)]
        if not proposal.is_candidate:
            return rungs[-1]
        found = next((rung for rung in rungs if rung.epochs == proposal.budget.epochs), None)
        if found is None:
            known = ", ".join(str(rung.epochs) for rung in rungs)
            raise ValueError(f"{proposal.budget}: the table has rungs of {known} epochs alone")
        return found

    def named(self, known: Sequence[Trial]) -> list[DetectorArch]:
        """Return what the search would name as its front: that of the highest rung it has reached.

        It sees validation AP; how good the named ones are is for the test pictures to say.
        """
        ended = [t for t in known if t.succeeded and t.proposal.is_candidate]
        highest = max((t.proposal.budget.epochs for t in ended), default=0)
        there = [t for t in ended if t.proposal.budget.epochs == highest]
        best = front(merge_repeats(there), self._settings.stage_one_objectives)
        return list(dict.fromkeys(trial.proposal.arch for trial in best))

    @staticmethod
    def _is_over(known: Sequence[Trial]) -> bool:
        """Return whether the finals have begun: the candidates' search has ended."""
        return any(trial.proposal.stage == "final" for trial in known)


def _refuse(member: Member, proposal: Proposal) -> Outcome | None:
    """Return that a proposal is pruned, as soon as that is known, or None."""
    rule = proposal.pruning
    if rule is None or proposal.continues is not None:
        return None
    known, seconds = _counted(member), member.start_seconds
    if rule.metric == "latency_ms":
        known, seconds = (*known, *_timed(member)), seconds + member.time_seconds
    if not rule.prunes(known):
        return None
    failure = Failure(stage="pruning", reason=rule.reason)
    return Outcome(measurements=known, failure=failure, seconds=seconds)


def measured(member: Member, rung: RungResult) -> tuple[Measurement, ...]:
    """Return what a search sees of a member at one rung."""
    return (*made_up("table", ap=rung.ap_val), *_counted(member), *_timed(member))


def _counted(member: Member) -> tuple[Measurement, ...]:
    return made_up("table", macs_g=member.macs_g, params_m=member.params_m)


def _timed(member: Member) -> tuple[Measurement, ...]:
    return made_up("table", latency_ms=member.latency_ms)


def make_settings(seed: int, top: Budget, **changes: object) -> SearchSettings:
    """Return the settings of a search on the table: both stages have the top's budget."""
    plain = {
        "stage_one": top,
        "stage_two": top,
        "final": top,
        "final_norms": ("gn",),
        "seeds": 8,
        "seed": seed,
    }
    return SearchSettings.model_validate({**plain, **changes})
