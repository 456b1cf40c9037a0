"""What the detectors of a run predicted, as their trials left it."""

from pathlib import Path

from smnas.data.dataset import DetectionDataset
from smnas.detector.contract import Prediction
from smnas.errors import ArchiveError
from smnas.experiment.run_folder import predictions_path
from smnas.measure.predictions import predictions_from_json
from smnas.trial.trial import Trial


def read_predictions(
    folder: Path, trial: Trial, dataset: DetectionDataset, split: str, fold: int = 0
) -> tuple[Prediction, ...]:
    """Return what a trial, or its training on a fold, predicted: one for each of the pictures.

    Raises:
        ArchiveError: The file is missing.
    """
    path = predictions_path(folder, trial.number, split, fold)
    if not path.is_file():
        raise ArchiveError(
            f"{path}: the predictions of trial {trial.number} are missing; put the file back, or "
            "start again in a new folder"
        )
    return predictions_from_json(dataset, path.read_bytes())
