"""A run folder goes on where it stopped, if it is still the same search."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smnas.archive.archive import Archive
from smnas.archive.driver_lock import HOLDER_NAME, LOCK_NAME
from smnas.archive.header import RunHeader
from smnas.archive.postgres import POINTER_NAME
from smnas.archive.sqlite import FILE_NAME
from smnas.errors import ArchiveError, RunMismatchError
from smnas.experiment.run_folder import CONFIG, write_whole

MAY_GROW = ("trials", "hours", "epochs")
MAY_CHANGE = ("pictures",)
"""What the search is shown with, and does not depend on."""
_OUR_LEFTOVERS = {CONFIG, CONFIG + ".part", LOCK_NAME, HOLDER_NAME}


def open_run(folder: Path, header: RunHeader, storage: str | None = None) -> Archive:
    """Return the archive of the run in ``folder``: a new one, or the one that is there.

    Args:
        folder: The run folder.
        header: What is asked for.
        storage: Address of a PostgreSQL database; None: the archive is a file in the folder, or
            where the folder says.

    Raises:
        RunBusyError: Another search is running in the folder.
        RunMismatchError: The folder holds another search; the message shows all that differs.
        ArchiveError: The folder holds something else, or a damaged archive.
        StorageFullError: No room on the disk.
    """
    if Archive.is_in(folder):
        archive = Archive.drive(folder, storage)
        different = run_difference(archive.header, header)
        if different:
            archive.close()
            raise RunMismatchError(
                f"{folder} holds another search, which is kept:\n  "
                + "\n  ".join(different)
                + "\nGive the settings it began with, or another folder with --out"
            )
        archive.continue_as(header.model_copy(update={"created": archive.header.created}))
    else:
        _check_is_ours_to_fill(folder)
        archive = Archive.create(folder, header, storage)
    write_whole(folder / CONFIG, _json(header.config))
    return archive


def run_difference(old: RunHeader, new: RunHeader) -> list[str]:
    """Return in one sentence each what keeps ``new`` from going on where ``old`` stopped."""
    found = config_difference(old.config, new.config)
    if old.smnas_version != new.smnas_version:
        found.append(f"smnas: was {old.smnas_version}, is {new.smnas_version}")
    for split in sorted({*old.data_ids, *new.data_ids}):
        was, is_ = old.data_ids.get(split), new.data_ids.get(split)
        if was != is_:
            found.append(f"data: the content of {split} has changed (was {was}, is {is_})")
    if old.space != new.space:
        found.append("space: its content has changed since the run began")
    takes_times = new.config.get("clock") == "device" and not new.config.get("latency_from")
    if old.machine != new.machine and takes_times:
        found.append(
            f"machine: was {old.machine}, is {new.machine}; their times are not comparable"
        )
    return found


def config_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return in one sentence each what differs between two configurations as JSON.

    More trials, hours or epochs are no difference. Paths of train and val are none either, nor that
    of a device report: their content counts, see ``run_difference`` and ``elsewhere.find_report``.
    """
    was, is_ = dict(_flatten(old)), dict(_flatten(new))
    found: list[str] = []
    for name in dict.fromkeys((*was, *is_)):
        before, now = was.get(name), is_.get(name)
        told_by_content = name.startswith("data.") and name != "data.folds"
        told_by_content |= name == "latency_from" and None not in (before, now)
        if before == now or name in MAY_CHANGE or told_by_content:
            continue
        if name in MAY_GROW:
            if before is not None and now is not None and now >= before:
                continue
            found.append(f"{name}: was {_say(before)}, is {_say(now)}; it may grow, not shrink")
        else:
            found.append(f"{name}: was {_say(before)}, is {_say(now)}")
    return found


def _check_is_ours_to_fill(folder: Path) -> None:
    """Make sure that a new run would not spill over somebody's files."""
    if folder.is_file():
        raise ArchiveError(f"{folder}: is a file; name a folder for the run with --out")
    strange = [
        path.name
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name not in _OUR_LEFTOVERS and not path.name.startswith((FILE_NAME, POINTER_NAME))
    ]
    if strange:
        raise ArchiveError(
            f"{folder}: holds no {FILE_NAME}, but other files ({', '.join(sorted(strange)[:3])}): "
            "half of a run folder, or none; name a new folder with --out"
        )


def _flatten(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _flatten(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def _say(value: Any) -> str:
    return "not set" if value is None else str(value)


def _json(config: Mapping[str, Any]) -> str:
    return json.dumps(config, indent=2) + "\n"
