"""What a search is going to cost, said before it starts: trainings, time, disk, memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypedDict

from smnas.data.splits import Splits
from smnas.experiment.probe import Probe
from smnas.search.settings import SearchSettings
from smnas.trial.budget import Budget
from smnas.trial.trial import Trial

_BYTES_PER_PREDICTION = 12_000
_REPORT_MB = 6.0
_REPORT_S = 5.0
"""Pictures and report at the end."""
_SPEED_BESIDE_OTHERS = 0.85
"""Of a training, with one thread on each core: two on two cores took 3.15 of 3.72 steps a second.
"""


@dataclass(frozen=True)
class PlannedStage:
    """One part of the search: how many trainings of which budget."""

    name: str
    trainings: int
    budget: Budget
    folds: int = 1
    """Trainings of one detector, each of which leaves out a fold."""


class PlanRow(TypedDict):
    """The plan as ``smnas plan --json`` prints it."""

    trainings: int
    stages: list[dict[str, str | int]]
    hours: float | None
    disk_mb: float | None
    memory_mb: float | None


@dataclass(frozen=True)
class Plan:
    """What a search is going to cost; minutes, disk and memory are estimates."""

    stages: tuple[PlannedStage, ...]
    minutes: float | None
    """None where no member of the space could be built and trained, and so none be timed."""
    disk_mb: float | None
    memory_mb: float | None = None
    """Of one trial."""
    workers: int = 1
    """Trials at a time."""

    @property
    def trainings(self) -> int:
        """How many trainings the whole search has, at most."""
        return sum(stage.trainings for stage in self.stages)

    @property
    def seconds_per_epoch(self) -> float | None:
        """What an epoch is expected to take, with its share of all that is not training."""
        epochs = sum(stage.trainings * stage.budget.epochs for stage in self.stages)
        if self.minutes is None or not epochs:
            return None
        return 60 * self.minutes * self.workers / epochs

    @property
    def sentences(self) -> tuple[str, ...]:
        """The plan in words."""
        parts = ", ".join(
            f"{stage.name} {stage.trainings} x {stage.budget}"
            + (f" ({stage.folds} folds)" if stage.folds > 1 else "")
            for stage in self.stages
        )
        first = f"{self.trainings} trainings: {parts}"
        if self.minutes is None or self.disk_mb is None:
            return (first, "no estimate of the time: no member of the space could be timed")
        memory = (
            "" if self.memory_mb is None else f", {self.memory_mb:.0f} MB of memory for a trial"
        )
        here = "on this machine"
        if self.workers > 1:
            here += f" with {self.workers} trials at a time"
        return (
            first,
            f"about {_say_minutes(self.minutes)} {here}, {self.disk_mb:.0f} MB of disk"
            f"{memory} (estimated from a few timed training steps)",
        )

    @property
    def row(self) -> PlanRow:
        """The plan as JSON."""
        return {
            "trainings": self.trainings,
            "stages": [
                {"name": s.name, "trainings": s.trainings, "epochs": s.budget.epochs}
                for s in self.stages
            ],
            "hours": None if self.minutes is None else self.minutes / 60,
            "disk_mb": self.disk_mb,
            "memory_mb": self.memory_mb,
        }

    def done_share(self, trials: Sequence[Trial]) -> float:
        """Return the share of the planned epochs that ``trials`` have trained, 0 to 1."""
        planned = sum(stage.trainings * stage.budget.epochs for stage in self.stages)
        ended = (t for t in trials if t.outcome is not None and not t.refused)
        done = sum(self.trainings_in(trial) * _epochs_trained(trial, trials) for trial in ended)
        return min(1.0, done / max(planned, 1))

    def trainings_in(self, trial: Trial) -> int:
        """Return how often a trial trains its detector: finals and what stands beside, per fold."""
        if trial.proposal.is_candidate:
            return 1
        alike = [stage for stage in self.stages if stage.budget == trial.proposal.budget]
        return max((stage.folds for stage in alike), default=1)


def _epochs_trained(trial: Trial, trials: Sequence[Trial]) -> int:
    """Return the epochs of a trial without those of the one that it continues."""
    before = trial.proposal.continues
    done = 0 if before is None else trials[before].proposal.budget.epochs
    return trial.proposal.budget.epochs - done


def _say_minutes(minutes: float) -> str:
    if minutes >= 120:
        return f"{minutes / 60:.1f} hours"
    return f"{minutes:.0f} minutes" if minutes >= 1.5 else "a minute"


def make_plan(
    settings: SearchSettings, splits: Splits, probe: Probe | None, workers: int = 1
) -> Plan:
    """Return the plan of a search on ``splits``, as far as ``probe`` could measure.

    Args:
        settings: How much may be tried.
        splits: The data.
        probe: What was measured; None: nothing could be.
        workers: Trials at a time.
    """
    folds = 1 if splits.folds is None else len(splits.folds)
    if probe is None:
        return Plan(_count_stages(settings, None, folds), None, None)
    at_a_time = 1.0 if workers == 1 else workers * _SPEED_BESIDE_OTHERS

    judged_s = probe.prediction_s * len(splits.val)

    def seconds(budget: Budget) -> float:
        trained = probe.training_s * budget.epochs * len(splits.train)
        if budget == settings.final:
            return trained + judged_s + probe.final_s
        trials = _trials_per_training(settings, budget)
        return trained + trials * (judged_s + probe.candidate_s)

    stages = _count_stages(settings, seconds, folds)
    kept = sum(
        stage.trainings / stage.folds * _trials_per_training(settings, stage.budget)
        for stage in stages
    )
    tested = 0 if splits.test is None else (settings.final_trainings + 1) * len(splits.test)
    trials_s = sum(stage.trainings * seconds(stage.budget) for stage in stages)
    per_trial_mb = 4 * probe.params_m + len(splits.val) * _BYTES_PER_PREDICTION / 1e6
    return Plan(
        stages,
        minutes=(trials_s / at_a_time + tested * probe.prediction_s + _REPORT_S) / 60,
        disk_mb=_REPORT_MB + per_trial_mb * kept,
        memory_mb=probe.memory_mb,
        workers=workers,
    )


def _trials_per_training(settings: SearchSettings, budget: Budget) -> float:
    """Return how many trials share the epochs of a whole training.

    Of ``eta`` trials on a rung one goes up to the next, where it trains what is missing.
    """
    rungs = next(
        (r for r in (settings.ladder(1), settings.ladder(2)) if r[-1].epochs == budget.epochs), ()
    )
    if budget == settings.final or len(rungs) < 2:
        return 1.0
    lengths = [rung.epochs for rung in rungs]
    steps = [length - before for length, before in zip(lengths, [0, *lengths], strict=False)]
    shares = [settings.parts.eta**-rung for rung in range(len(rungs))]
    epochs = sum(share * step for share, step in zip(shares, steps, strict=True))
    return budget.epochs * sum(shares) / epochs


def _count_stages(
    settings: SearchSettings, seconds: Callable[[Budget], float] | None, folds: int = 1
) -> tuple[PlannedStage, ...]:
    """Return the trainings of each part; where hours limit the search, as many as will fit."""
    one, two = settings.stage_one_trials, settings.trials - settings.stage_one_trials
    if settings.epochs is not None:
        share = settings.stage_one_share
        one = min(one, ceil(share * settings.epochs / settings.stage_one.epochs))
        two = min(two, ceil((1 - share) * settings.epochs / settings.stage_two.epochs))
    if settings.seconds is not None and seconds is not None:
        share = settings.stage_one_share
        one = min(one, ceil(share * settings.seconds / seconds(settings.stage_one)))
        two = min(two, ceil((1 - share) * settings.seconds / seconds(settings.stage_two)))
    return (
        PlannedStage("stage one", one, settings.stage_one),
        PlannedStage("stage two", two, settings.stage_two),
        PlannedStage("finals", folds * settings.final_trainings, settings.final, folds),
        PlannedStage("yardstick, short", 1, settings.stage_one),
        PlannedStage("yardsticks", folds * settings.yardsticks, settings.final, folds),
    )
