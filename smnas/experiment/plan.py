"""What a search is going to cost, said before it starts: trainings, minutes, disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from smnas.arch import DetectorArch
from smnas.data.dataset import DetectionDataset, Subset
from smnas.detector.build import build_detector
from smnas.errors import NotBuiltYetError, TrainingError
from smnas.experiment.memory import means_out_of_memory, release_memory
from smnas.measure.cost import count_cost
from smnas.search.settings import SearchSettings
from smnas.seeding import derive_seed, generator
from smnas.space.structural import StructuralSpace
from smnas.training.loop import fit
from smnas.training.recipe import Recipe
from smnas.trial.budget import Budget
from smnas.trial.trial import Trial

_SAMPLES = 8
"""Archs drawn from the space to know what a typical one costs."""
_PROBE_STEPS = 3
"""Steps that are timed, so that loading and computing overlap as in a training."""
_PATIENCE_S = 10.0
"""Where these would take longer, one picture alone has to do."""
_PREDICTION_SHARE = 0.4
"""Time of predicting a picture, as a share of that of training on it."""
_FIXED_S = 3.0
"""Per trial: building, timing, bootstrap, writing."""
_BYTES_PER_PREDICTION = 12_000
_REPORT_MB = 6.0


@dataclass(frozen=True)
class PlannedStage:
    """One part of the search: how many trainings of which budget."""

    name: str
    trainings: int
    budget: Budget


@dataclass(frozen=True)
class ArchCost:
    """What one arch costs: multiply-adds and parameters at batch 1."""

    macs_g: float
    params_m: float


@dataclass(frozen=True)
class Plan:
    """What a search is going to cost; minutes and disk are estimates."""

    stages: tuple[PlannedStage, ...]
    minutes: float | None
    """None where no member of the space could be built and trained, and so none be timed."""
    disk_mb: float | None

    @property
    def trainings(self) -> int:
        """How many trainings the whole search has, at most."""
        return sum(stage.trainings for stage in self.stages)

    @property
    def seconds_per_epoch(self) -> float | None:
        """What an epoch is expected to take, with its share of all that is not training."""
        epochs = sum(stage.trainings * stage.budget.epochs for stage in self.stages)
        return None if self.minutes is None or not epochs else 60 * self.minutes / epochs

    @property
    def sentences(self) -> tuple[str, ...]:
        """The plan in words."""
        parts = ", ".join(
            f"{stage.name} {stage.trainings} x {stage.budget}" for stage in self.stages
        )
        first = f"{self.trainings} trainings: {parts}"
        if self.minutes is None or self.disk_mb is None:
            return (first, "no estimate of the time: no member of the space could be timed")
        return (
            first,
            f"about {_say_minutes(self.minutes)} on this machine, and {self.disk_mb:.0f} MB of "
            "disk (estimated from a few timed training steps)",
        )

    def done_share(self, trials: Sequence[Trial]) -> float:
        """Return the share of the planned epochs that ``trials`` have trained, 0 to 1."""
        planned = sum(stage.trainings * stage.budget.epochs for stage in self.stages)
        ended = (t for t in trials if t.outcome is not None and not t.refused)
        done = sum(_epochs_of(trial, trials) for trial in ended)
        return min(1.0, done / max(planned, 1))


def _epochs_of(trial: Trial, trials: Sequence[Trial]) -> float:
    """Return what a trial trains itself; a rung goes on from the one below."""
    lower = trial.proposal.continues
    before = None if lower is None else trials[lower].proposal.budget
    return trial.proposal.budget.epochs_beyond(before)


def _say_minutes(minutes: float) -> str:
    if minutes >= 120:
        return f"{minutes / 60:.1f} hours"
    return f"{minutes:.0f} minutes" if minutes >= 1.5 else "a minute"


def make_plan(
    settings: SearchSettings,
    space: StructuralSpace,
    train: DetectionDataset,
    val: DetectionDataset,
    recipe: Recipe,
    device: str,
) -> Plan:
    """Return the plan, its minutes from a few training steps of archs drawn from the space."""
    drawn = _draw_archs(space, len(train.categories), settings.seed)
    per_picture = _try_time_per_picture(drawn, train, recipe, device, settings.seed)
    if per_picture is None:
        return Plan(_count_stages(settings, None), None, None)

    def seconds(budget: Budget) -> float:
        trained, predicted = budget.epochs * len(train), _PREDICTION_SHARE * len(val)
        return _FIXED_S + per_picture * (trained + predicted)

    stages = _count_stages(settings, seconds)
    params_m = float(np.mean([cost.params_m for _, cost in drawn]))
    per_trial_mb = 4 * params_m + len(val) * _BYTES_PER_PREDICTION / 1e6
    return Plan(
        stages,
        minutes=sum(stage.trainings * seconds(stage.budget) for stage in stages) / 60,
        disk_mb=_REPORT_MB + per_trial_mb * sum(stage.trainings for stage in stages),
    )


def _count_stages(
    settings: SearchSettings, seconds: Callable[[Budget], float] | None
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
        PlannedStage("finals", settings.finals, settings.final),
        PlannedStage("yardstick, short", 1, settings.stage_one),
        PlannedStage("yardstick", 1, settings.final),
    )


def _draw_archs(
    space: StructuralSpace, classes: int, seed: int
) -> list[tuple[DetectorArch, ArchCost]]:
    """Return archs that can be built, cheapest first."""
    drawn: list[tuple[DetectorArch, ArchCost]] = []
    for index in range(_SAMPLES):
        arch = space.sample(generator(seed, "plan", index))
        try:
            cost = {item.metric: item.value for item in count_cost(arch.deployed, classes)}
        except NotBuiltYetError:
            continue
        drawn.append((arch, ArchCost(cost["macs_g"], cost["params_m"])))
    return sorted(drawn, key=lambda item: item[1].macs_g)


def _try_time_per_picture(
    drawn: Sequence[tuple[DetectorArch, ArchCost]],
    train: DetectionDataset,
    recipe: Recipe,
    device: str,
    seed: int,
) -> float | None:
    """Return the seconds per picture, or None: a failed estimate stops no search."""
    if not drawn:
        return None
    try:
        return _time_per_picture(drawn, train, recipe, device, seed)
    except TrainingError:
        return None
    except (MemoryError, RuntimeError) as error:
        if not means_out_of_memory(error):
            raise
        release_memory()
        return None


def _time_per_picture(
    drawn: Sequence[tuple[DetectorArch, ArchCost]],
    train: DetectionDataset,
    recipe: Recipe,
    device: str,
    seed: int,
) -> float:
    """Return the mean seconds of training on one picture: those of a middling arch, scaled."""
    arch, cost = drawn[len(drawn) // 2]
    scale = float(np.mean([other.macs_g for _, other in drawn])) / cost.macs_g
    one = Subset(train, range(1), "probe")
    first = _time_steps(arch, one, recipe, device, seed)
    pictures = min(len(train), _PROBE_STEPS * recipe.batch)
    if first * pictures > _PATIENCE_S:
        return scale * first
    few = Subset(train, range(pictures), "probe")
    return scale * _time_steps(arch, few, recipe, device, seed)


def _time_steps(
    arch: DetectorArch, pictures: DetectionDataset, recipe: Recipe, device: str, seed: int
) -> float:
    """Return the seconds per picture of training on ``pictures`` once.

    It is done twice: the first steps at a batch size are slower, as they load and choose kernels.
    """
    small = recipe.model_copy(
        update={"batch": min(recipe.batch, len(pictures)), "initial_weights": None}
    )
    detector = build_detector(arch, len(pictures.categories), recipe.losses, seed=seed)
    logs = [fit(detector, pictures, small, 1, derive_seed(seed, "probe"), device) for _ in range(2)]
    return min(log.seconds / log.pictures for log in logs)
