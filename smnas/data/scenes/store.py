"""Pictures that were made once, kept on disk: whole or not at all, whoever makes them at once.

They lie in ``$SMNAS_CACHE_DIR``, else in ``smnas`` under ``$XDG_CACHE_HOME``, else under
``~/.cache``. A folder there may be removed at any time: its pictures are made again.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from smnas.data.annotations import Annotations
from smnas.data.picture import Picture
from smnas.errors import StorageFullError

CACHE_VARIABLE = "SMNAS_CACHE_DIR"

_OBJECT = np.dtype(
    [("picture", np.int64), ("box", np.float32, 4), ("label", np.int64), ("ignore", np.bool_)]
)
_PICTURES, _OBJECTS = "pictures.npy", "objects.npy"

Make = Callable[[int], tuple[Picture, Annotations]]
"""Returns the picture of an index and its objects."""


@dataclass(frozen=True, eq=False)
class KeptPictures:
    """Pictures as they lie on disk: mapped, and read where they are looked at.

    Attributes:
        pictures_NHW3: uint8, read-only.
        objects: One row for each object, ordered by picture.
    """

    pictures_NHW3: NDArray[np.uint8]
    objects: NDArray[Any]

    def annotations(self, index: int) -> Annotations:
        """Return the objects of a picture, as copies."""
        first, end = np.searchsorted(self.objects["picture"], (index, index + 1))
        found = self.objects[first:end]
        return Annotations(*(found[name].copy() for name in ("box", "label", "ignore")))


def cache_folder() -> Path:
    """Return the folder of all that can be made again; it need not be there yet."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smnas"


def keep_pictures(name: str, count: int, size: int, make: Make) -> KeptPictures:
    """Return the pictures called ``name``, made where they are not on disk yet.

    Args:
        name: Says all that decides the pictures: equal names, equal pictures.
        count: How many.
        size: Their width and height in pixels.
        make: Makes one of them.

    Raises:
        StorageFullError: They cannot be kept; names the folder and the room that they need.
    """
    folder = cache_folder() / name
    kept = _open(folder)
    if kept is not None:
        return kept
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Nobody sees the folder before it is whole: renaming it is one step.
        begun = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
        try:
            _write(begun, count, size, make)
            _put(begun, folder)
        finally:
            shutil.rmtree(begun, ignore_errors=True)
    except OSError as error:
        mib = count * size * size * 3 / 2**20
        raise StorageFullError(
            f"{folder}: the pictures cannot be kept: {error}; they need {mib:.0f} MiB: make room, "
            f"or name another folder in {CACHE_VARIABLE}"
        ) from None
    made = _open(folder)
    if made is None:
        raise StorageFullError(f"{folder}: what was written cannot be read; is the disk sound?")
    return made


def _open(folder: Path) -> KeptPictures | None:
    """Return what is in a folder; None where nothing is, or nothing that can be read."""
    try:
        return KeptPictures(np.load(folder / _PICTURES, "r"), np.load(folder / _OBJECTS))
    except (OSError, ValueError, EOFError):
        return None


def _put(begun: Path, folder: Path) -> None:
    """Give the folder its name, unless another process was faster: its pictures are the same."""
    with suppress(OSError):
        begun.rename(folder)
        return
    if _open(folder) is None:  # what is there is broken, as after a fault of the disk
        shutil.rmtree(folder)
        begun.rename(folder)


def _write(folder: Path, count: int, size: int, make: Make) -> None:
    rows: list[NDArray[Any]] = []
    with (folder / _PICTURES).open("wb") as file:
        # Written, not mapped: a full disk is then an error and not the end of the process.
        shape = (count, size, size, 3)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for index in range(count):
            picture, found = make(index)
            file.write(picture.tobytes())
            row = np.zeros(len(found), dtype=_OBJECT)
            row["picture"], row["box"] = index, found.boxes_xyxy
            row["label"], row["ignore"] = found.labels, found.ignore
            rows.append(row)
        _finish(file)
    with (folder / _OBJECTS).open("wb") as file:
        np.save(file, np.concatenate(rows))
        _finish(file)


def _finish(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
