"""The pictures of scenes, kept in the cache once they are made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smnas.data.annotations import Annotations
from smnas.data.cache import finish, keep_folder, make_room
from smnas.data.picture import Picture

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
    needed = count * size * size * 3

    def write(folder: Path) -> None:
        make_room(needed)
        _write(folder, count, size, make)

    return keep_folder(name, _open, write, needed)


def _open(folder: Path) -> KeptPictures | None:
    """Return what is in a folder; None where nothing is, or nothing that can be read."""
    try:
        return KeptPictures(np.load(folder / _PICTURES, "r"), np.load(folder / _OBJECTS))
    except (OSError, ValueError, EOFError):
        return None


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
        finish(file)
    with (folder / _OBJECTS).open("wb") as file:
        np.save(file, np.concatenate(rows))
        finish(file)
