"""After the last final: the test split is read, once, and what it shows is recorded."""

import shutil
from pathlib import Path

from smnas.archive.archive import Archive
from smnas.data.dataset import DetectionDataset
from smnas.detector.norms import fold_batch_norms
from smnas.errors import ArchiveError
from smnas.experiment.artifact import TORCH_RUNTIMES, run_in_torch
from smnas.experiment.finite import FinitePredictor
from smnas.experiment.front_chance import record_front_chances
from smnas.experiment.judged import best_score
from smnas.experiment.judging import Artifact, open_artifact
from smnas.experiment.kept_predictions import read_predictions
from smnas.experiment.observer import Observer
from smnas.experiment.pictures import drawn_trials, write_pictures
from smnas.experiment.run_folder import (
    DETECTOR,
    PICTURES,
    predictions_path,
    trial_folder,
    write_whole,
)
from smnas.measure.accuracy import Difference, measure_accuracy, paired_difference
from smnas.measure.metric import class_metrics
from smnas.measure.predictions import predictions_to_json
from smnas.measure.protocol import TORCH_EAGER, Runtime
from smnas.report.members import standing
from smnas.report.objectives import run_metrics, run_objectives
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.measurement import Measurement, Split
from smnas.trial.metrics import over_yardstick
from smnas.trial.trial import Trial

COMPARED = ("ap", "ap50")
"""What a final's lead over the yardstick is recorded in, beside the accuracies of the run."""


def read_test_split(
    archive: Archive,
    val: DetectionDataset,
    test: DetectionDataset | None,
    device: str,
    observer: Observer,
    *,
    pictures: bool = True,
) -> None:
    """Measure finals and yardstick on the test split, compare them, and draw the report's pictures.

    What is done already is not done again, so that a killed call can be repeated. Without a test
    split the pictures are those of the validation split. Where there shall be none, those of an
    earlier call are removed.

    Raises:
        StorageFullError: No room on the disk.
        WeightsError: The weights of a final cannot be read any more.
    """
    finals = final_trials(archive)
    if test is not None:
        for trial in finals:
            if trial.measurement("ap", "test") is None:
                observer.noted(f"reading the test split with trial {trial.number}")
                _test(archive, trial, test, device)
    _compare_with_yardstick(archive, val, "val")
    record_front_chances(archive, _finals_alone(archive), val, "val")
    if test is not None:
        _compare_with_yardstick(archive, test, "test")
        record_front_chances(archive, _finals_alone(archive), test, "test")
    if not pictures:
        shutil.rmtree(archive.folder / PICTURES, ignore_errors=True)
    elif drawn_trials(archive.folder) != {trial.number for trial in finals}:
        observer.noted("drawing the pictures of the report")
        _draw(archive.folder, finals, val, test)


def final_trials(archive: Archive) -> list[Trial]:
    """Return the finals that succeeded, then the yardsticks beside them, the best one last."""
    measured = [trial for trial in archive.trials() if trial.succeeded]
    finals = [trial for trial in measured if trial.proposal.stage == "final"]
    budgets = [trial.proposal.budget for trial in finals]
    yardsticks = [
        trial
        for trial in measured
        if trial.proposal.stage == "yardstick" and trial.proposal.budget in budgets
    ]
    objectives = run_objectives(archive.header.config)
    yardsticks.sort(key=lambda trial: standing(trial, objectives), reverse=True)
    return finals + yardsticks


def _finals_alone(archive: Archive) -> list[Trial]:
    return [trial for trial in final_trials(archive) if trial.proposal.stage == "final"]


def load_final(archive: Archive, trial: Trial, device: str) -> TrainedDetector:
    """Return the detector of a final in the form that ships.

    Raises:
        ArchiveError: The trial has no weights.
        WeightsError: They cannot be read.
    """
    if trial.outcome is None or trial.outcome.weights is None:
        raise ArchiveError(f"trial {trial.number} has no weights; only finished trials have some")
    trained = TrainedDetector.load(archive.folder / trial.outcome.weights, device)
    fold_batch_norms(trained.detector)
    return trained


def open_final(archive: Archive, trial: Trial, device: str) -> Artifact:
    """Return what the numbers of a final come from: its exported file where the run makes files.

    Raises:
        ArchiveError: The trial has no weights.
        WeightsError: Weights or file cannot be read.
    """
    runtime = archive.header.config.get("runtime", TORCH_EAGER.name)
    if runtime not in TORCH_RUNTIMES:
        return open_artifact(trial_folder(archive.folder, trial.number) / DETECTOR, runtime)
    return Artifact(run_in_torch(load_final(archive, trial, device), runtime), Runtime(runtime))


def _test(archive: Archive, trial: Trial, test: DetectionDataset, device: str) -> None:
    artifact = open_final(archive, trial, device)
    names = tuple(run_metrics(archive.header.config)) + class_metrics(test.categories)
    result = measure_accuracy(
        FinitePredictor(artifact.predictor),
        test,
        "test",
        device,
        runtime=artifact.runtime,
        further=names,
    )
    text = predictions_to_json(test, result.predictions)
    write_whole(predictions_path(archive.folder, trial.number, "test"), text)
    archive.add(trial.number, result.measurements)


def _compare_with_yardstick(archive: Archive, dataset: DetectionDataset, split: Split) -> None:
    """Record by how much each final is above the best yardstick on the same pictures.

    What is hard is hard for both: the interval of the difference is narrower than two side by side.
    """
    trained = final_trials(archive)
    if not trained or trained[-1].proposal.stage != "yardstick":
        return
    finals, yardstick = [t for t in trained if t.proposal.stage == "final"], trained[-1]
    names = tuple(dict.fromkeys((*COMPARED, *run_metrics(archive.header.config))))
    theirs = read_predictions(archive.folder, yardstick, dataset, split)
    for trial in finals:
        if trial.measurement(over_yardstick(names[-1]), split) is not None:
            continue
        ours = read_predictions(archive.folder, trial, dataset, split)
        found = paired_difference(dataset, ours, theirs, further=names)
        differences = [
            _record(found[name], trial.measurement(name, split)) for name in names if name in found
        ]
        archive.add(trial.number, [item for item in differences if item is not None])


def _record(found: Difference, alone: Measurement | None) -> Measurement | None:
    """Return a difference as a measurement, taken as the trial's own number was."""
    if alone is None:
        return None
    interval = None if found.interval is None else (found.interval.low, found.interval.high)
    return alone.model_copy(
        update={
            "metric": over_yardstick(found.metric),
            "value": found.value,
            "interval": interval,
        }
    )


def _draw(
    folder: Path, finals: list[Trial], val: DetectionDataset, test: DetectionDataset | None
) -> None:
    shown, split = (val, "val") if test is None else (test, "test")
    write_pictures(
        folder,
        shown,
        split,
        {t.number: read_predictions(folder, t, shown, split) for t in finals},
        {t.number: best_score(val, read_predictions(folder, t, val, "val")) for t in finals},
    )
