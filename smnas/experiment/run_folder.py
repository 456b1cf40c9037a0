"""Where things lie in a run folder, and how a file gets there whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from smnas.archive.storage import room_on_disk
from smnas.errors import ArchiveError
from smnas.trial.trial import Trial

CONFIG = "config.json"
FRONT = "front.json"
PLAN = "plan.json"
DEVICE_REPORT = "device-report.json"
PICTURES = "pictures"
PICTURE_INDEX = "index.json"
WEIGHTS = "weights.safetensors"
DETECTOR = "detector.onnx"
TRAINING_LOG = "log.json"
CHECKPOINTS = "checkpoints"
FOLD = "fold-"
_TRIALS = "trials"


def trial_folder(run_folder: Path, number: int, fold: int = 0) -> Path:
    """Return the folder of one trial, or of its training on a fold beyond the first, which is 0."""
    folder = run_folder / _TRIALS / f"{number:04d}"
    return folder / f"{FOLD}{fold + 1}" if fold else folder


def checkpoint_folder(run_folder: Path, number: int, fold: int = 0) -> Path:
    """Return the folder of a training's checkpoints, and of its trunk where it is a rung."""
    return trial_folder(run_folder, number, fold) / CHECKPOINTS


def predictions_path(run_folder: Path, number: int, split: str, fold: int = 0) -> Path:
    """Return the file that holds a trial's predictions on ``split``."""
    return trial_folder(run_folder, number, fold) / f"{split}.json"


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that a kill leaves the old one or the new one.

    Raises:
        StorageFullError: No room on the disk; what was there is kept.
    """
    data = content.encode() if isinstance(content, str) else content
    part = path.with_name(path.name + ".part")
    with room_on_disk(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            os.replace(part, path)
        except OSError:
            part.unlink(missing_ok=True)
            raise


class RunFiles:
    """The run folder as the ``Store`` of trials that run where it cannot be seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, trial: Trial) -> dict[str, bytes]:
        """Return what the trial has left so far, and what the one that it continues has."""
        folders = [trial_folder(self._folder, trial.number)]
        if trial.proposal.continues is not None:
            folders.append(checkpoint_folder(self._folder, trial.proposal.continues))
        files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in files}

    def write(self, content: Mapping[str, bytes | None]) -> None:
        """Write files, each whole or not at all; None removes one.

        Raises:
            ArchiveError: A name that is not below the folder of the trials.
            StorageFullError: No room on the disk.
        """
        for name, data in content.items():
            parts = PurePosixPath(name).parts
            if parts[:1] != (_TRIALS,) or ".." in parts:
                raise ArchiveError(f"a worker sent the file {name!r}; expected it under {_TRIALS}/")
            path = self._folder / name
            if data is None:
                path.unlink(missing_ok=True)
            else:
                write_whole(path, data)
