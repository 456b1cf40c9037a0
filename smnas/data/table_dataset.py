"""A table made into a data set: its boxes checked and clipped, its pictures there, read lazily."""

import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smnas.data.annotations import Annotations
from smnas.data.dataset import DetectionDataset, hash_content
from smnas.data.faults import Faults
from smnas.data.inside import Inside
from smnas.data.picture import Picture, read_picture
from smnas.data.table import PictureRow, PictureTable
from smnas.errors import DataError, MissingFileError


@dataclass(frozen=True)
class Places:
    """How messages name what stands in the user's files.

    Attributes:
        picture: From a picture's row to the field that names its file.
        box: From a box's row to the field that holds it, and what stands there.
    """

    picture: Callable[[int], str]
    box: Callable[[int], tuple[str, object]]


class TableDataset(DetectionDataset):
    """The pictures of a table; made by ``open_table``, which has checked them.

    Args:
        table: The pictures and boxes as they are written.
        boxes_xyxy: All boxes, clipped, in the table's order.
        file_sizes: Bytes of each picture's file; enters ``data_id``.
    """

    def __init__(
        self, table: PictureTable, boxes_xyxy: NDArray[np.float32], file_sizes: list[int]
    ) -> None:
        self.name = table.name
        self.categories = table.categories
        self.table = table
        self.clipped_xyxy = boxes_xyxy
        self.file_sizes = file_sizes
        # Boxes picture by picture: those of picture i are rows starts[i] to starts[i + 1].
        boxes = table.boxes
        order = np.argsort(boxes.pictures, kind="stable")
        self._starts = np.searchsorted(boxes.pictures[order], np.arange(len(table.pictures) + 1))
        self._found = Annotations(
            boxes_xyxy=boxes_xyxy[order],
            labels=boxes.labels[order],
            ignore=boxes.ignore[order],
            difficult=boxes.difficult[order] if boxes.difficult.any() else None,
        )
        self._data_id = self._hash(file_sizes)

    @property
    def path(self) -> Path:
        """The file or folder that the annotations come from."""
        return self.table.path

    @property
    def data_id(self) -> str:
        """From categories, pictures (names, sizes, bytes of the files) and boxes.

        The pixels are not read, so that 100,000 pictures take a second.
        """
        return self._data_id

    def _hash(self, file_sizes: list[int]) -> str:
        found = self._found
        return hash_content(
            [
                repr(self.categories),
                *(
                    f"{row.id!r} {row.file_name} {row.width} {row.height} {size}"
                    for row, size in zip(self.table.pictures, file_sizes, strict=True)
                ),
                self._starts.tobytes(),
                found.boxes_xyxy.tobytes(),
                found.labels.tobytes(),
                found.ignore.tobytes(),
                *([] if found.difficult is None else [found.difficult.tobytes()]),
            ]
        )

    def __len__(self) -> int:
        """Return the number of pictures, those without objects included."""
        return len(self.table.pictures)

    def picture_id(self, index: int) -> int | str:
        """Return the id that the annotations give."""
        return self.table.pictures[index].id

    def picture_file(self, index: int) -> Path:
        """Return the file of a picture, absolute."""
        return self.table.folder / self.table.pictures[index].file_name

    def picture_size(self, index: int) -> tuple[int, int]:
        """Return width and height as the annotations say."""
        row = self.table.pictures[index]
        return row.width, row.height

    def annotations(self, index: int) -> Annotations:
        """Return the objects of a picture."""
        rows = slice(self._starts[index], self._starts[index + 1])
        found = self._found
        return Annotations(
            found.boxes_xyxy[rows],
            found.labels[rows],
            found.ignore[rows],
            None if found.difficult is None else found.difficult[rows],
        )

    def read(self, index: int) -> tuple[Picture, Annotations]:
        """Return a picture and its objects.

        Raises:
            DataError: The picture cannot be read, or is not of the size that its annotations say.
        """
        row, file = self.table.pictures[index], self.picture_file(index)
        picture = read_picture(file)
        height, width = picture.shape[:2]
        if (width, height) != (row.width, row.height):
            raise DataError(_size_fault(self.path, file, row, (width, height)))
        return picture, self.annotations(index)


def open_table(table: PictureTable, places: Places, faults: Faults | None = None) -> TableDataset:
    """Return the pictures of a table, everything but their pixels checked.

    Args:
        table: What the annotations say.
        places: How messages name its fields.
        faults: Where faults are noted; None: they raise. Otherwise what is faulty is left out.

    Raises:
        MissingFileError: The folder of the pictures is not there.
        DataError: Boxes that cannot be meant, or pictures that are missing; all are named. Nothing
            sound is left.
    """
    if not table.folder.is_dir():
        raise MissingFileError(f"{table.folder}: no such folder of pictures")
    faults = faults or Faults(table.path)
    boxes_xyxy, meant = _clip_boxes(table, places, faults)
    faults.raise_if_any("correct or remove these annotations")
    file_sizes = _measure_files(table, places, faults)
    faults.raise_if_any(
        f"pictures were looked for in {table.folder}; name another folder with --images"
    )
    there = np.array([size is not None for size in file_sizes], np.bool_)
    meant &= there[table.boxes.pictures]
    if not meant.any():
        raise faults.error("no box is left that could be learnt")
    sizes = [size for size in file_sizes if size is not None]
    return TableDataset(table.keep(there, meant), boxes_xyxy[meant], sizes)


def _clip_boxes(
    table: PictureTable, places: Places, faults: Faults
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return all boxes clipped to their pictures, and which of them can be meant.

    A box that merely sticks out is clipped; one that is not finite, has no area, or lies wholly
    outside is a fault: it cannot be meant, and guessing would hide a broken export.
    """
    boxes_xyxy, pictures = table.boxes.xyxy, table.boxes.pictures
    sizes = np.array([(row.width, row.height) for row in table.pictures]).reshape(-1, 2)[pictures]
    with np.errstate(invalid="ignore"):  # not-a-number is looked for below
        clipped = np.clip(boxes_xyxy, 0.0, np.hstack([sizes, sizes])).astype(np.float32)
        covers = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    meant = np.asarray(covers & np.isfinite(boxes_xyxy).all(axis=1), np.bool_)
    for number in np.flatnonzero(~meant).tolist():
        field, came = places.box(number)
        width, height = sizes[number]
        faults.add(
            f"{field}: {_box_fault(boxes_xyxy[number].tolist())}, got {came} "
            f"in a picture of {width} x {height}"
        )
    return clipped, meant


def _box_fault(box_xyxy: list[float]) -> str:
    left, top, right, bottom = box_xyxy
    if not all(map(math.isfinite, box_xyxy)):
        return "expected four finite numbers"
    if right <= left or bottom <= top:
        return "expected a width and height above 0"
    return "expected a box that covers some of the picture"


def _measure_files(table: PictureTable, places: Places, faults: Faults) -> list[int | None]:
    """Return the bytes of each picture's file, None where it is not there."""
    sizes: list[int | None] = []
    inside = Inside(table.folder)
    for number, path in enumerate(table.picture_paths()):
        name = table.pictures[number].file_name
        stays = inside.holds(path)
        sizes.append(measure_file(path) if stays else None)
        if not stays:
            faults.add(f"{places.picture(number)}: {name!r} leaves the folder of the pictures")
        elif sizes[-1] is None:
            faults.add(f"{places.picture(number)}: no picture {name!r}")
    return sizes


def measure_file(path: str) -> int | None:
    """Return the bytes of a file; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # the latter for names that no file can have
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _size_fault(path: Path, file: Path, row: PictureRow, found: tuple[int, int]) -> str:
    hint = "annotate the picture as it is"
    if found == (row.height, row.width):
        hint = "its EXIF orientation may turn it: annotate it upright, or remove that tag"
    return (
        f"{file}: the picture is {found[0]} x {found[1]} pixels, but image {row.id!r} of {path} "
        f"has width {row.width} and height {row.height}; {hint}"
    )
