"""A final on the folds beyond the first: trained anew, and judged on what each holds out."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from smnas.data.dataset import DetectionDataset
from smnas.data.folds import Folds
from smnas.detector.contract import Prediction
from smnas.execution.work import Report
from smnas.experiment.finite import FinitePredictor
from smnas.experiment.judging import make_artifact
from smnas.experiment.kept_predictions import read_predictions
from smnas.experiment.run_folder import (
    DETECTOR,
    TRAINING_LOG,
    WEIGHTS,
    predictions_path,
    trial_folder,
    write_whole,
)
from smnas.experiment.trial_training import TrialTraining
from smnas.measure.predictions import predict_all, predictions_to_json
from smnas.training.fit_log import FitLog
from smnas.trial.trial import FailureStage, Trial

MakeTraining = Callable[[DetectionDataset, int], TrialTraining]
"""Returns the training on a data set, for a fold."""


@dataclass(frozen=True)
class OtherFolds:
    """What a trial does on the folds beyond the first.

    Log and predictions of each stay in a folder of its own, so that an interrupted trial goes on
    with the fold that it was at; weights do not: those of the first fold ship.

    Attributes:
        folds: The pictures.
        run_folder: Of the search.
        trial: What is trained.
        runtime: What accuracies are taken in.
        make_training: Of the trial.
    """

    folds: Folds
    run_folder: Path
    trial: Trial
    runtime: str
    make_training: MakeTraining

    def complete(
        self, first: Sequence[Prediction], report: Report
    ) -> tuple[list[Prediction], float]:
        """Return a prediction for each picture of the pool, from a training that has not seen it.

        Args:
            first: What the first fold's detector finds in the pictures that it holds out.
            report: Told how far the other folds are.

        Returns:
            Predictions in the pool's order, and the seconds of attempts that were interrupted.

        Raises:
            ArchError, ExportError, NotBuiltYetError, TrainingError, WeightsError: See
                ``TrialTraining`` and ``make_artifact``.
        """
        place = dict(zip(self.folds.parts[0], first, strict=True))
        seconds, others = 0.0, len(self.folds) - 1
        for fold in range(1, len(self.folds)):
            found, before_s = self._predict(fold, partial(_tell, report, fold, others))
            place |= dict(zip(self.folds.parts[fold], found, strict=True))
            seconds += before_s
        return [place[index] for index in range(len(self.folds.pool))], seconds

    def _predict(self, fold: int, report: Report) -> tuple[Sequence[Prediction], float]:
        """Return what the training of one fold finds in its pictures, trained where it must be."""
        held_out, number = self.folds.held_out(fold), self.trial.number
        folder = trial_folder(self.run_folder, number, fold)
        kept = predictions_path(self.run_folder, number, "val", fold)
        if kept.is_file():
            log = FitLog.model_validate_json((folder / TRAINING_LOG).read_bytes())
            return read_predictions(self.run_folder, self.trial, held_out, "val", fold), log.seconds
        training = self.make_training(self.folds.train(fold), fold)
        trained = training.run(report)
        with tempfile.TemporaryDirectory() as passing:
            file = Path(passing) / DETECTOR
            artifact = make_artifact(trained, self.runtime, file, held_out, ships=True)
            predictor = FinitePredictor(artifact.predictor)
            found = predict_all(
                predictor, held_out, lambda *_: report("measuring", 1.0, "measuring accuracy")
            )
        write_whole(kept, predictions_to_json(held_out, found))
        (folder / WEIGHTS).unlink()
        return found, training.seconds_before


def _tell(
    report: Report, fold: int, folds: int, stage: FailureStage, share: float, note: str
) -> None:
    report(stage, (fold - 1 + share) / folds, f"fold {fold + 1}: {note}")
