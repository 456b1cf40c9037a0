"""One trial on its way: build, fit, save, predict, measure."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal

import torch

from smnas.arch import DetectorArch
from smnas.arch.parts import Norm
from smnas.data.dataset import DetectionDataset
from smnas.data.folds import Folds
from smnas.detector.contract import Prediction
from smnas.execution.work import Order, Report
from smnas.experiment.elsewhere import settle
from smnas.experiment.finite import FinitePredictor
from smnas.experiment.forecast import RUNTIMES as FORECAST_RUNTIMES
from smnas.experiment.forecast import Forecast
from smnas.experiment.judging import (
    Artifact,
    build_twin,
    make_artifact,
    time_artifact,
    time_untrained,
)
from smnas.experiment.memory import check_predicted
from smnas.experiment.other_folds import OtherFolds
from smnas.experiment.recipes import Recipes
from smnas.experiment.run_folder import (
    DETECTOR,
    WEIGHTS,
    predictions_path,
    trial_folder,
    write_whole,
)
from smnas.experiment.trial_training import TrialTraining
from smnas.experiment.worth import Worth
from smnas.measure.accuracy import evaluate_detections
from smnas.measure.blocks.device_times import DeviceTimes
from smnas.measure.cost import count_cost
from smnas.measure.latency import stand_in_latency
from smnas.measure.memory import (
    measured_training_memory,
    peak_memory,
    predict_training_memory,
)
from smnas.measure.metric import class_metrics
from smnas.measure.predictions import predict_all, predictions_to_json
from smnas.measure.quiet import SharedMachine
from smnas.training.optimizer import OPTIMIZER_STATES
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.budget import Budget
from smnas.trial.constraint import Constraint
from smnas.trial.measurement import Measurement
from smnas.trial.trial import FailureStage

Clock = Literal["device", "stand-in"]
_TRAINING_SHARE = 0.85
"""Of a trial's time; the rest is measuring. Only the progress bar depends on it."""


@dataclass(frozen=True)
class Conditions:
    """What all trials of a search have in common.

    Attributes:
        train: What the trials learn from.
        val: What they are judged on.
        recipes: How they learn.
        device: Where they are trained and timed.
        clock: Whether times are measured, or answered from multiply-adds.
        final_budget: What finals train with, and the yardstick beside them.
        ships: Norm in which candidates are counted and timed.
        constraints: What candidates must keep to be trained.
        threads: How many torch computes with; None: as many as it likes.
        further: Accuracies to measure beside COCO's; of finals each class's AP as well.
        processes: How many share a training, on ``cuda`` each with a GPU of its own.
        runtime: What accuracies and times are taken in: a name in ``artifact.RUNTIME_NAMES``.
        folds: What finals are trained and judged on; the first is ``train`` and ``val``.
        elsewhere: Times of another device, which are told and not taken; None: of this one.
    """

    train: DetectionDataset
    val: DetectionDataset
    recipes: Recipes
    device: str
    clock: Clock
    final_budget: Budget
    ships: Norm
    constraints: tuple[Constraint, ...] = ()
    threads: int | None = None
    further: tuple[str, ...] = ()
    processes: int = 1
    runtime: str = "torch-eager"
    folds: Folds | None = None
    elsewhere: DeviceTimes | None = None


class Attempt:
    """One trial on its way; ``stage`` says where it is, and so where it failed."""

    def __init__(self, conditions: Conditions, order: Order, folder: Path, report: Report) -> None:
        self.stage: FailureStage = "build"
        self.weights: str | None = None
        self.seconds_before = 0.0
        """Of attempts that were interrupted."""
        self.machine = SharedMachine()
        self._world = conditions
        self._limits = order.limits
        self._trial = order.trial
        self._number = order.trial.number
        self._proposal = order.trial.proposal
        self._recipe = conditions.recipes.of(self._proposal, conditions.final_budget)
        self._folder = folder
        self._batch_parts = order.batch_parts
        self._tell = report
        self._memory: tuple[Measurement, ...] = ()
        """Of the training: predicted before it, and the most that was seen in it."""

    def run(self) -> tuple[Measurement, ...]:
        """Return all measurements of the trial."""
        cost = self._check_worth()
        trained = self._train()
        folder, ships = trial_folder(self._folder, self._number), self._ships_as_trained
        self.weights = (folder / WEIGHTS).relative_to(self._folder).as_posix()
        self.stage = "measuring"
        self._report(self._first_share, "measuring accuracy")
        artifact = make_artifact(
            trained, self._world.runtime, folder / DETECTOR, self._world.val, ships
        )
        accuracy = self._measure_accuracy(artifact)
        if not cost:
            cost = self._count()
            cost = (*cost, *self._time(cost, artifact if ships else None))
        return (*accuracy, *cost, *self._memory)

    def _check_worth(self) -> tuple[Measurement, ...]:
        """Return cost and time, where they decide on the training or need no clock.

        Raises:
            NotWorthTrainingError: It breaks a constraint or is pruned; what can be counted is not
                timed, nor what can be predicted well enough.
        """
        worth = Worth(self._world.constraints, self._proposal)
        if self._world.elsewhere is not None:
            return settle(worth, self._world.elsewhere, self._shipped, self._count)
        ways = (self._count, lambda cost: self._time(cost, None), self._forecast)
        return worth.settle(self._shipped, *ways)

    def _forecast(self) -> Forecast | None:
        """Return what predicts times, where they can be."""
        world = self._world
        if world.clock != "device" or world.runtime not in FORECAST_RUNTIMES:
            return None
        classes, picture = len(world.train.categories), world.val.read(0)[0]
        where = (self._folder, self._number, world.runtime, world.device)
        return Forecast(*where, classes, picture, self.machine.alone)

    def _make_training(self, train: DetectionDataset, fold: int = 0) -> TrialTraining:
        world = self._world
        how = (self._recipe, world.device, self._batch_parts, world.processes)
        return TrialTraining(self._folder, self._trial, train, *how, fold)

    def _train(self) -> TrainedDetector:
        world = self._world
        training = self._make_training(world.train)
        if world.clock == "device" and torch.device(world.device).type == "cpu":
            predicted = self._predict_memory()
            self._memory = (predicted,)
            self._report_training("training", 0.0, "starting")
            check_predicted(predicted, self._limits.memory_mib)
        with peak_memory() as peak:
            trained = training.run(self._report_training)
        self.seconds_before = training.seconds_before
        if self._memory and not self.seconds_before:  # else part of it was trained before
            self._memory += (measured_training_memory(peak(), self._pictures_at_once),)
        return trained

    def _predict_memory(self) -> Measurement:
        classes, recipe = len(self._world.train.categories), self._recipe
        how = (self._pictures_at_once, recipe.losses, OPTIMIZER_STATES[recipe.optimizer.kind])
        return predict_training_memory(self._proposal.arch, classes, *how)

    @property
    def _pictures_at_once(self) -> int:
        return ceil(self._recipe.batch / self._batch_parts)

    @property
    def _folds(self) -> Folds | None:
        return self._world.folds if self._ships_as_trained else None

    @property
    def _first_share(self) -> float:
        return _TRAINING_SHARE / (1 if self._folds is None else len(self._folds))

    def _report_training(self, stage: FailureStage, share: float, note: str) -> None:
        self.stage = stage
        self._report(self._first_share * share, note)

    def _measure_accuracy(self, artifact: Artifact) -> tuple[Measurement, ...]:
        world, folds = self._world, self._folds
        rest = 0.9 - _TRAINING_SHARE if folds is None else 0.0

        def tell(done: int, all_: int) -> None:
            self._report(self._first_share + rest * done / all_, "measuring accuracy")

        predictor = FinitePredictor(artifact.predictor)
        found = predict_all(predictor, world.val, tell, artifact.at_a_time)
        judged = world.val
        if folds is not None:
            found, judged = self._complete_folds(folds, found), folds.pool
        result = evaluate_detections(
            judged,
            found,
            "val",
            world.device,
            runtime=artifact.runtime,
            further=world.further + self._class_metrics,
            folds=1 if folds is None else len(folds),
        )
        text = predictions_to_json(judged, found)
        write_whole(predictions_path(self._folder, self._number, "val"), text)
        return result.measurements

    def _complete_folds(self, folds: Folds, first: list[Prediction]) -> list[Prediction]:
        world = self._world
        others = OtherFolds(folds, self._folder, self._trial, world.runtime, self._make_training)

        def report(stage: FailureStage, share: float, note: str) -> None:
            self.stage = stage
            self._report(self._first_share * (1 + share * (len(folds) - 1)), note)

        found, seconds_before = others.complete(first, report)
        self.seconds_before += seconds_before
        self.stage = "measuring"
        return found

    def _count(self) -> tuple[Measurement, ...]:
        """Count the form that ships."""
        return count_cost(self._shipped, len(self._world.train.categories))

    def _time(
        self, cost: tuple[Measurement, ...], artifact: Artifact | None
    ) -> tuple[Measurement, ...]:
        """Time ``artifact``, or where there is none the form that the arch ships in."""
        world = self._world
        self._report(0.9 if self.stage == "measuring" else 0.0, "measuring time")
        if world.clock == "stand-in":
            return (stand_in_latency(next(m.value for m in cost if m.metric == "macs_g")),)
        picture = world.val.read(0)[0]
        if artifact is not None:
            return time_artifact(artifact, picture, world.device, self.machine.alone)
        twin = build_twin(self._shipped, world.train.categories, world.device)
        return time_untrained(twin, world.runtime, picture, world.device, self.machine.alone)

    @property
    def _shipped(self) -> DetectorArch:
        arch = self._proposal.arch
        return arch if self._ships_as_trained else arch.replace(norm=self._world.ships)

    @property
    def _class_metrics(self) -> tuple[str, ...]:
        """Return what is measured of each class; nothing of candidates, of which there are many."""
        return () if self._proposal.is_candidate else class_metrics(self._world.val.categories)

    @property
    def _ships_as_trained(self) -> bool:
        """Whether this is a final, whose own form counts; a short trial's is that of a final."""
        proposal = self._proposal
        return not proposal.is_candidate and proposal.budget == self._world.final_budget

    def _report(self, share: float, note: str) -> None:
        self._tell(self.stage, share, note)
        self.machine.give_way()
