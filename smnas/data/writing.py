"""What the writers of all formats share: names of the pictures' files, and numbers as text."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smnas.data.dataset import DetectionDataset
from smnas.data.table import BoxTable, PictureRow, PictureTable
from smnas.data.table_dataset import TableDataset
from smnas.errors import DataError

_DECIMALS = 10
"""Below half a unit in the last place of float32 pixels, above the noise of float64 sums."""


@dataclass(frozen=True)
class Part:
    """One split to be written: what is in it, and how a picture gets to its place.

    Attributes:
        table: Its file names are safe: they stay below the folder that they are put into.
        place: Takes a picture's row and the path of the file to be made.
    """

    table: PictureTable
    place: Callable[[int, Path], None]

    def clipped_xyxy(self) -> NDArray[np.float64]:
        """Return N x 4: the boxes clipped to their pictures, as detectors see them."""
        boxes = self.table.boxes
        sizes = np.array([(row.width, row.height) for row in self.table.pictures])[boxes.pictures]
        return np.clip(boxes.xyxy, 0.0, np.hstack([sizes, sizes]))

    def rows(self) -> list[NDArray[np.int64]]:
        """Return for each picture the rows of its boxes, in their order."""
        pictures = self.table.boxes.pictures
        order = np.argsort(pictures, kind="stable")
        ends = np.searchsorted(pictures[order], np.arange(len(self.table.pictures) + 1))
        return [order[a:b] for a, b in pairwise(ends)]


def make_parts(datasets: Mapping[str, DetectionDataset], copy: bool) -> dict[str, Part]:
    """Return the splits with names under which all their pictures can lie in one folder.

    Names stay as they are; where two splits give one name to different files, the name of the split
    becomes their folder.

    Args:
        datasets: By the name of the split.
        copy: Whether files are copied; otherwise they are linked where the disk allows it.

    Raises:
        DataError: Two pictures of a split would get one name.
    """
    parts = {name: _make_part(dataset, copy) for name, dataset in datasets.items()}
    owners: dict[str, set[Path]] = {}
    for part in parts.values():
        for row in part.table.pictures:
            file = part.table.folder / row.file_name
            owners.setdefault(_safe(row.file_name), set()).add(file)
    apart = any(len(files) > 1 for files in owners.values())
    return {name: _rename(part, f"{name}/" if apart else "") for name, part in parts.items()}


def require_stems(part: Part) -> None:
    """Make sure that pictures differ in more than their extension.

    Raises:
        DataError: Two of them do not.
    """
    seen: dict[str, str] = {}
    for row in part.table.pictures:
        stem = str(PurePosixPath(row.file_name).with_suffix(""))
        other = seen.setdefault(stem, row.file_name)
        if other != row.file_name:
            raise DataError(
                f"{part.table.path}: {other!r} and {row.file_name!r} differ in their extension "
                "only, and this format has one annotation file for both; rename one"
            )


def tidy(value: float) -> float:
    """Return a number without the noise of sums, where float32 cannot tell the difference."""
    rounded = round(value, _DECIMALS)
    return rounded if np.float32(rounded) == np.float32(value) else value


def _make_part(dataset: DetectionDataset, copy: bool) -> Part:
    if isinstance(dataset, TableDataset):
        table = dataset.table

        def place_file(row: int, target: Path) -> None:
            _bring(table.folder / table.pictures[row].file_name, target, copy)

        return Part(table, place_file)

    def save(row: int, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dataset.read(row)[0]).save(target)

    return Part(_tabulate(dataset), save)


def _bring(source: Path, target: Path, copy: bool) -> None:
    if target.exists():  # a picture of two splits: names tell files apart
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        try:
            os.link(source, target)
        except OSError:  # another disk, or one that has no links
            pass
        else:
            return
    shutil.copyfile(source, target)


def _tabulate(dataset: DetectionDataset) -> PictureTable:
    """Return the table of a data set that has no files; its pictures become PNG, without loss."""
    found = [dataset.annotations(index) for index in range(len(dataset))]
    rows = [
        PictureRow(
            dataset.picture_id(index),
            f"{dataset.picture_id(index)}.png",
            *dataset.picture_size(index),
        )
        for index in range(len(dataset))
    ]
    ignore = np.concatenate([item.ignore for item in found])
    boxes = BoxTable(
        xyxy=np.concatenate([item.boxes_xyxy for item in found]).astype(np.float64),
        pictures=np.repeat(np.arange(len(found)), [len(item) for item in found]),
        labels=np.concatenate([item.labels for item in found]),
        ignore=ignore,
        difficult=ignore & ~np.concatenate([item.regions for item in found]),
    )
    return PictureTable(
        path=Path(dataset.name),
        name=dataset.name,
        folder=Path(dataset.name),
        categories=dataset.categories,
        pictures=rows,
        boxes=boxes,
    )


def _safe(name: str) -> str:
    """Return a name that stays below the folder it is put into."""
    path = PurePosixPath(name)
    return path.name if path.is_absolute() or ".." in path.parts else str(path)


def _rename(part: Part, prefix: str) -> Part:
    names = [prefix + _safe(row.file_name) for row in part.table.pictures]
    if len(set(names)) < len(names):
        raise DataError(f"{part.table.path}: pictures of different folders have the same name")
    pictures = [
        replace(row, file_name=name) for row, name in zip(part.table.pictures, names, strict=True)
    ]
    return replace(part, table=replace(part.table, pictures=pictures))
