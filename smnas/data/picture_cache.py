"""Pictures decoded and shrunk once for all trainings, epochs and processes.

They lie in one file of the cache (``cache.py``), mapped into memory: processes that train at the
same time share its pages, and the system decides how much of it stays there.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smnas.arch.parts import InputSize
from smnas.data.all_cores import on_all_cores
from smnas.data.annotations import Annotations
from smnas.data.cache import finish, keep_folder, make_room
from smnas.data.dataset import DetectionDataset, hash_content
from smnas.data.picture import (
    Picture,
    as_tensor,
    fit_boxes,
    fit_scale,
    resize_picture,
    scaled_size,
)
from smnas.errors import MissingFileError

VERSION = 1
"""Another one for other pixels of the same files."""

_PIXELS, _SHAPES = "pixels.bin", "shapes.npy"


@dataclass(frozen=True)
class _Kept:
    """What lies on disk: the pixels of the first pictures, one after the other."""

    pixels: NDArray[np.uint8]
    starts: NDArray[np.int64]
    """Where each of them begins, and where the last one ends."""
    shapes_N2: NDArray[np.int64]
    """Height and width."""

    def __len__(self) -> int:
        return len(self.shapes_N2)

    def picture(self, index: int) -> Picture:
        height, width = self.shapes_N2[index]
        return self.pixels[self.starts[index] : self.starts[index + 1]].reshape(height, width, 3)


class CachedPictures(DetectionDataset):
    """Another data set, shrunk to what training can use, each picture decoded once.

    Meant for training only: a picture that is shrunk twice is a little softer than ``fit_picture``
    would make it, so what is measured is read from the data set itself. The cache is made when the
    first picture is looked at, or by ``prepare``. Its key is made of the files (path, bytes, times
    of the last change) and the sizes, so that changed pictures are decoded anew, and changed
    annotations are not a reason to. What goes beyond the cache's limit is decoded each time.

    Args:
        dataset: The pictures; each has a file of its own.
        size: The largest network input that they will be fitted to.
        zoom: The greatest zoom that will be asked for; pictures keep enough pixels for it.
    """

    def __init__(self, dataset: DetectionDataset, size: InputSize, zoom: float = 1.0) -> None:
        self.name = dataset.name
        self.categories = dataset.categories
        self._dataset = dataset
        self._size = size
        self._zoom = max(1.0, zoom)

    @property
    def data_id(self) -> str:
        """As of the data set: it is the same data."""
        return self._dataset.data_id

    @property
    def in_memory(self) -> bool:
        """True: nobody has to keep further copies."""
        return True

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._dataset)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is mapped: another process maps it for itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_kept"}

    def picture_id(self, index: int) -> int | str:
        """Return the data's own id of a picture."""
        return self._dataset.picture_id(index)

    def picture_file(self, index: int) -> Path | None:
        """Return the file that the picture comes from."""
        return self._dataset.picture_file(index)

    def picture_size(self, index: int) -> tuple[int, int]:
        """Return width and height after shrinking."""
        return scaled_size(*self._dataset.picture_size(index), self._scale(index))

    def annotations(self, index: int) -> Annotations:
        """Return the objects in pixels of the shrunk picture."""
        found = self._dataset.annotations(index)
        size = self._dataset.picture_size(index)
        boxes = fit_boxes(found.boxes_xyxy, self._scale(index), *size)
        return Annotations(boxes_xyxy=boxes, labels=found.labels, ignore=found.ignore)

    def read(self, index: int) -> tuple[Picture, Annotations]:
        """Return the shrunk picture (mapped: not to be written to) and its objects."""
        kept = self._kept
        picture = kept.picture(index) if index < len(kept) else self._shrink(index)
        return picture, self.annotations(index)

    def prepare(self) -> None:
        """Make the cache where it is not there yet.

        Raises:
            DataError: A picture cannot be read.
            StorageFullError: It cannot be written.
        """
        _ = self._kept

    @cached_property
    def _kept(self) -> _Kept:
        sizes = np.array([self.picture_size(index) for index in range(len(self))], np.int64)
        shapes_N2 = sizes.reshape(-1, 2)[:, ::-1]
        needed = 3 * int(shapes_N2.prod(axis=1).sum())

        def write(folder: Path) -> None:
            room = make_room(needed)
            fitting = int((3 * shapes_N2.prod(axis=1).cumsum() <= room).sum())
            self._write(folder, shapes_N2[:fitting])

        return keep_folder(f"pictures-{self._key()}", _open, write, needed)

    def _key(self) -> str:
        facts = [f"{VERSION} {self._size.width} {self._size.height} {self._zoom!r}"]
        for index in range(len(self)):
            file = self._dataset.picture_file(index)
            if file is None:
                raise ValueError(f"{self.name}: picture {index} has no file to be known by")
            try:
                found = os.stat(file)
            except FileNotFoundError:
                raise MissingFileError(f"{file}: no such picture file") from None
            facts.append(f"{file} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}")
        return hash_content(facts)

    def _write(self, folder: Path, shapes_N2: NDArray[np.int64]) -> None:
        with (folder / _PIXELS).open("wb") as file:
            # Written, not mapped: a full disk is then an error and not the end of the process.
            for picture in on_all_cores(self._shrink, range(len(shapes_N2))):
                file.write(picture.tobytes())
            finish(file)
        with (folder / _SHAPES).open("wb") as file:
            np.save(file, shapes_N2)
            finish(file)

    def _scale(self, index: int) -> float:
        scale = fit_scale(*self._dataset.picture_size(index), self._size)
        return min(1.0, scale * self._zoom)

    def _shrink(self, index: int) -> Picture:
        picture, scale = self._dataset.read(index)[0], self._scale(index)
        if scale == 1.0:
            return picture
        height, width = picture.shape[:2]
        resized_3HW = resize_picture(as_tensor(picture), *scaled_size(width, height, scale))
        return np.ascontiguousarray(resized_3HW.permute(1, 2, 0).numpy())


def for_training(dataset: DetectionDataset, size: InputSize, zoom: float) -> DetectionDataset:
    """Return the data set so that training reads it fast, whichever epoch or process it is.

    One that needs no decoding is handed back, and so is one whose pictures have no files, which
    nothing but their data set knows.
    """
    if dataset.in_memory or not len(dataset) or dataset.picture_file(0) is None:
        return dataset
    return CachedPictures(dataset, size, zoom)


def _open(folder: Path) -> _Kept | None:
    """Return what is in a folder; None where nothing is, or not all that was written."""
    try:
        shapes_N2 = np.load(folder / _SHAPES)
        starts = np.concatenate([[0], 3 * shapes_N2.prod(axis=1).cumsum()]).astype(np.int64)
        pixels = np.memmap(folder / _PIXELS, np.uint8, "r") if starts[-1] else np.zeros(0, np.uint8)
    except (OSError, ValueError, EOFError):
        return None
    return _Kept(pixels, starts, shapes_N2) if len(pixels) == starts[-1] else None
