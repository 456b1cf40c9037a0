"""What a search is going to cost, said before it starts: trainings, minutes, disk."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smnas.arch import DetectorArch
from smnas.data.dataset import DetectionDataset, Subset
from smnas.detector.build import build_detector
from smnas.errors import NotBuiltYetError
from smnas.measure.cost import count_cost
from smnas.seeding import derive_seed, generator
from smnas.space.structural import StructuralSpace
from smnas.training.loop import fit
from smnas.training.recipe import Recipe
from smnas.trial.trial import Trial

_SAMPLES = 12
"""Archs drawn from the space to know what a typical one costs."""
_PROBE_PICTURES = 8
_PATIENCE_S = 3.0
"""A second, larger arch is timed only where that is expected to take less."""
_PREDICTION_SHARE = 0.4
"""Time of predicting a picture, as a share of that of training on it."""
_FIXED_S = 3.0
"""Per trial: building, timing, bootstrap, writing."""
_BYTES_PER_PREDICTION = 12_000
_REPORT_MB = 6.0


@dataclass(frozen=True)
class PlannedStage:
    """One part of the search: how many trainings of how many epochs."""

    name: str
    trainings: int
    epochs: int


@dataclass(frozen=True)
class ArchCost:
    """What one arch costs: multiply-adds and parameters at batch 1."""

    macs_g: float
    params_m: float


@dataclass(frozen=True)
class Plan:
    """What a search is going to cost; minutes and disk are estimates."""

    stages: tuple[PlannedStage, ...]
    minutes: float
    disk_mb: float

    @property
    def trainings(self) -> int:
        """How many trainings the whole search has, at most."""
        return sum(stage.trainings for stage in self.stages)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The plan in words."""
        parts = ", ".join(
            f"{stage.name} {stage.trainings} x {stage.epochs} epochs" for stage in self.stages
        )
        time = f"{self.minutes:.0f} minutes" if self.minutes >= 1.5 else "about a minute"
        if self.minutes >= 120:
            time = f"{self.minutes / 60:.1f} hours"
        return (
            f"{self.trainings} trainings: {parts}",
            f"about {time} on this machine, and {self.disk_mb:.0f} MB of disk (estimated from "
            "a few timed training steps)",
        )

    def done_share(self, trials: Sequence[Trial]) -> float:
        """Return the share of the planned epochs that ``trials`` have trained, 0 to 1."""
        planned = sum(stage.trainings * stage.epochs for stage in self.stages)
        done = sum(t.proposal.budget.epochs for t in trials if t.outcome is not None)
        return min(1.0, done / max(planned, 1))


def make_plan(
    stages: Sequence[PlannedStage],
    space: StructuralSpace,
    train: DetectionDataset,
    val: DetectionDataset,
    recipe: Recipe,
    device: str,
    seed: int,
) -> Plan:
    """Return the plan, its minutes from a few training steps of archs drawn from the space."""
    drawn = _draw_archs(space, len(train.categories), seed)
    if not drawn:
        return Plan(tuple(stages), float("nan"), float("nan"))
    seconds = _time_per_picture(drawn, train, recipe, device, seed)
    params_m = float(np.mean([cost.params_m for _, cost in drawn]))
    per_training = _FIXED_S + _PREDICTION_SHARE * seconds * len(val)
    total = sum(s.trainings * (per_training + s.epochs * len(train) * seconds) for s in stages)
    trainings = sum(stage.trainings for stage in stages)
    predictions_mb = len(val) * _BYTES_PER_PREDICTION / 1e6
    disk_mb = _REPORT_MB + trainings * (4 * params_m + predictions_mb)
    return Plan(tuple(stages), total / 60, disk_mb)


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


def _time_per_picture(
    drawn: Sequence[tuple[DetectorArch, ArchCost]],
    train: DetectionDataset,
    recipe: Recipe,
    device: str,
    seed: int,
) -> float:
    """Return the mean seconds of training on one picture, over the drawn archs."""
    macs = [cost.macs_g for _, cost in drawn]
    low = _probe(drawn[0][0], train, recipe, device, seed)
    if low * macs[-1] / macs[0] * 3 * _PROBE_PICTURES > _PATIENCE_S or len(drawn) == 1:
        return low * float(np.mean(macs)) / macs[0]
    high = _probe(drawn[-1][0], train, recipe, device, seed)
    return float(np.mean(np.interp(macs, [macs[0], macs[-1]], [low, high])))


def _probe(
    arch: DetectorArch, train: DetectionDataset, recipe: Recipe, device: str, seed: int
) -> float:
    """Return the seconds that one picture takes in training."""
    pictures = min(_PROBE_PICTURES, len(train))
    small = Subset(train, range(pictures), "probe")
    recipe = recipe.replace(batch=pictures, initial_weights=None)
    detector = build_detector(arch, len(train.categories), recipe.losses, seed=seed)
    probe_seed = derive_seed(seed, "probe")
    fit(detector, small, recipe, 1, probe_seed, device)  # the first step is slower: warm-up
    log = fit(detector, small, recipe, 2, probe_seed, device)
    return log.seconds / log.pictures
