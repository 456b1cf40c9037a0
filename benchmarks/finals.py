"""One detector, trained and judged as a search does with its finals, and read on the test split."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from journal import Record

from smnas.arch import DetectorArch
from smnas.data.dataset import DetectionDataset
from smnas.detector.contract import Prediction
from smnas.execution.work import Order
from smnas.experiment.artifact import TORCH_RUNTIMES, run_in_torch
from smnas.experiment.attempt import Conditions
from smnas.experiment.config import SearchConfig
from smnas.experiment.evaluate import Evaluator
from smnas.experiment.finite import FinitePredictor
from smnas.experiment.judging import build_twin, open_artifact, time_untrained
from smnas.experiment.prepare import Prepared, cache_pictures, prepare
from smnas.experiment.recipes import Recipes
from smnas.experiment.run_folder import (
    DETECTOR,
    TRAINING_LOG,
    predictions_path,
    trial_folder,
    write_whole,
)
from smnas.experiment.threads import one_core_left
from smnas.measure.accuracy import coco_ap
from smnas.measure.predictions import predict_all, predictions_from_json, predictions_to_json
from smnas.measure.protocol import Predictor
from smnas.seeding import derive_seed
from smnas.training.recipe import Recipe
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.budget import Budget
from smnas.trial.trial import Origin, Outcome, Proposal, Trial

NOTHING = np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64)


@dataclass(frozen=True)
class Ground:
    """The pictures of a search, and the way in which it trains and judges its finals."""

    config: SearchConfig
    ready: Prepared

    @classmethod
    def of(cls, config: SearchConfig) -> Self:
        """Return the ground of a search; its training pictures are cached as a search does."""
        ready = prepare(config)
        splits = cache_pictures(ready.splits, config, ready.spaces, print)
        return cls(config, replace(ready, splits=splits))

    @property
    def test(self) -> DetectionDataset:
        """What the search never sees."""
        found = self.ready.splits.test
        if found is None:
            raise ValueError(f"data {self.config.data.source!r}: expected a test split; got none")
        return found

    def time(self, arch: DetectorArch) -> float:
        """Return the milliseconds of a detector that was not trained."""
        splits, config = self.ready.splits, self.config
        twin = build_twin(arch, splits.train.categories, config.device)
        with one_core_left():
            picture = splits.val.read(0)[0]
            found = time_untrained(twin, config.runtime, picture, config.device)
        return next(item.value for item in found if item.metric == "latency_ms")

    def train(
        self, folder: Path, arch: DetectorArch, epochs: int, seed: int, rate: float = 1.0
    ) -> Record:
        """Return what a training came to; its predictions on the test pictures are in ``folder``.

        What was interrupted goes on from its checkpoint. What fails finds nothing.

        Args:
            folder: Of this training alone.
            arch: In the form that ships.
            epochs: Of the whole schedule.
            seed: Of weights and training.
            rate: By which the recipe's learning rate is multiplied.
        """
        splits, config, budget = self.ready.splits, self.config, Budget(epochs=epochs)
        conditions = Conditions(
            train=splits.train,
            val=splits.val,
            recipes=Recipes.alike(scale_rate(config.recipes.final, rate)),
            device=config.device,
            clock=config.clock,
            final_budget=budget,
            ships=self.ready.settings.final_norms[0],
            runtime=config.runtime,
        )
        proposal = Proposal(
            arch=arch,
            stage="yardstick",
            origin=Origin(operator="yardstick"),
            budget=budget,
            seed=derive_seed(seed, "final", arch.arch_id),
        )
        trial = Trial(number=0, proposal=proposal)
        with one_core_left():
            outcome = Evaluator(conditions)(Order(trial), folder, lambda *_: None)
            found = self._predict(folder, outcome)
        write_whole(predictions_path(folder, 0, "test"), predictions_to_json(self.test, found))
        trial = trial.model_copy(update={"outcome": outcome})
        record: Record = {"arch": str(arch), "epochs": epochs, "seed": seed, "rate": rate}
        record |= {"seconds": round(outcome.seconds, 1), "ap_test": self._ap(found)}
        if outcome.failure is not None:
            return {**record, "failure": outcome.failure.reason, "ap_val": 0.0, "latency_ms": None}
        timed = trial.measurement("latency_ms")
        record |= {"latency_ms": timed and timed.value, "latency_ms_flag": timed and timed.flag}
        log: dict[str, Any] = json.loads((trial_folder(folder, 0) / TRAINING_LOG).read_text())
        record["training_seconds"] = round(log["seconds"], 1)
        return {**record, "ap_val": trial.value("ap")}

    def read_predictions(self, folder: Path, number: int = 0) -> tuple[Prediction, ...]:
        """Return what a trial in ``folder`` found in the test pictures."""
        return predictions_from_json(
            self.test, predictions_path(folder, number, "test").read_bytes()
        )

    def _predict(self, folder: Path, outcome: Outcome) -> list[Prediction]:
        if outcome.weights is None:
            return [Prediction(*NOTHING) for _ in range(len(self.test))]
        return predict_all(FinitePredictor(self._open(folder, outcome.weights)), self.test)

    def _open(self, folder: Path, weights: str) -> Predictor:
        runtime = self.config.runtime
        if runtime in TORCH_RUNTIMES:
            trained = TrainedDetector.load(folder / weights, self.config.device)
            return run_in_torch(trained, runtime)
        return open_artifact(trial_folder(folder, 0) / DETECTOR, runtime).predictor

    def _ap(self, found: list[Prediction]) -> float:
        return coco_ap(self.test, found)["ap"] or 0.0


def scale_rate(recipe: Recipe, rate: float) -> Recipe:
    """Return the recipe with its learning rate multiplied."""
    settings = recipe.optimizer
    changed = settings.model_copy(update={"learning_rate": rate * settings.learning_rate})
    return recipe.model_copy(update={"optimizer": changed})
