"""Where things lie in a run folder, and how a file gets there whole or not at all."""

import os
from pathlib import Path

from smnas.archive.storage import room_on_disk

CONFIG = "config.json"
FRONT = "front.json"
PLAN = "plan.json"
PICTURES = "pictures"
PICTURE_INDEX = "index.json"
WEIGHTS = "weights.safetensors"
TRAINING_LOG = "log.json"
CHECKPOINTS = "checkpoints"


def trial_folder(run_folder: Path, number: int) -> Path:
    """Return the folder of one trial."""
    return run_folder / "trials" / f"{number:04d}"


def checkpoint_folder(run_folder: Path, number: int) -> Path:
    """Return the folder of a trial's checkpoints, and of its trunk where it is a rung."""
    return trial_folder(run_folder, number) / CHECKPOINTS


def predictions_path(run_folder: Path, number: int, split: str) -> Path:
    """Return the file that holds a trial's predictions on ``split``."""
    return trial_folder(run_folder, number) / f"{split}.json"


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
