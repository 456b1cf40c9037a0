"""What annotation files say, whatever their format: pictures and boxes as rows.

Each format has a reader that makes a table. What is trained and measured on (``table_dataset.py``)
and what is written in other formats (``convert.py``) begins here.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as checked_dataclass

from smnas.data.dataset import Category
from smnas.data.faults import Faults

Text = Annotated[str, Field(min_length=1)]
MAX_SIDE_PX = 1_000_000
Pixels = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]
BoxXyxy = tuple[float, float, float, float]


# A large file has a million entries: models would take twice the time and memory of slots.
@checked_dataclass(frozen=True, slots=True)
class PictureRow:
    """One picture; ``file_name`` starts from the table's folder."""

    id: int | str
    file_name: Text
    width: Pixels
    height: Pixels


@dataclass(frozen=True)
class BoxTable:
    """The boxes of all pictures, in the order of the file and as it gives them: not clipped.

    Attributes:
        xyxy: N x 4, float64, pixels.
        pictures: N, int64, positions among the pictures.
        labels: N, int64, positions among the categories.
        ignore: N, bool.
        difficult: N, bool; as in ``Annotations``.
    """

    xyxy: NDArray[np.float64]
    pictures: NDArray[np.int64]
    labels: NDArray[np.int64]
    ignore: NDArray[np.bool_]
    difficult: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.xyxy)


@dataclass(frozen=True)
class PictureTable:
    """The pictures and boxes of one split.

    Attributes:
        path: The file or folder that says all this; named in messages.
        name: What the split is called.
        folder: Where the pictures are; absolute.
        categories: By id, so that splits agree whatever the order in their files.
        pictures: In the order of the file.
        boxes: All boxes.
        notes: Sentences that the user should read.
    """

    path: Path
    name: str
    folder: Path
    categories: tuple[Category, ...]
    pictures: list[PictureRow]
    boxes: BoxTable
    notes: tuple[str, ...] = ()

    def picture_paths(self) -> list[str]:
        """Return the files of all pictures as texts, which take a tenth of the time of paths."""
        folder = str(self.folder)
        return [os.path.normpath(os.path.join(folder, row.file_name)) for row in self.pictures]

    def keep(self, pictures: NDArray[np.bool_], boxes: NDArray[np.bool_]) -> Self:
        """Return the table with some of its pictures and boxes.

        Args:
            pictures: One for each picture; true for those that stay.
            boxes: One for each box, false for all boxes of pictures that go.
        """
        if pictures.all() and boxes.all():
            return self
        rows = np.cumsum(pictures) - 1
        found = self.boxes
        kept = BoxTable(
            xyxy=found.xyxy[boxes],
            pictures=rows[found.pictures[boxes]],
            labels=found.labels[boxes],
            ignore=found.ignore[boxes],
            difficult=found.difficult[boxes],
        )
        rest = [row for row, stays in zip(self.pictures, pictures, strict=True) if stays]
        return replace(self, pictures=rest, boxes=kept)


@dataclass
class BoxRows:
    """Boxes while files are read one after the other.

    ``places`` says for each box which one of its picture it is, for messages.
    """

    xyxy: list[BoxXyxy] = field(default_factory=list[BoxXyxy])
    pictures: list[int] = field(default_factory=list[int])
    labels: list[int] = field(default_factory=list[int])
    ignore: list[bool] = field(default_factory=list[bool])
    difficult: list[bool] = field(default_factory=list[bool])
    places: list[int] = field(default_factory=list[int])

    def add(
        self,
        picture: int,
        place: int,
        box_xyxy: BoxXyxy,
        label: int,
        ignore: bool = False,
        difficult: bool = False,
    ) -> None:
        """Note a box; a difficult one is ignored too."""
        self.xyxy.append(box_xyxy)
        self.pictures.append(picture)
        self.labels.append(label)
        self.ignore.append(ignore or difficult)
        self.difficult.append(difficult)
        self.places.append(place)

    def table(self) -> BoxTable:
        """Return the boxes as arrays."""
        return BoxTable(
            xyxy=np.array(self.xyxy, np.float64).reshape(-1, 4),
            pictures=np.array(self.pictures, np.int64),
            labels=np.array(self.labels, np.int64),
            ignore=np.array(self.ignore, np.bool_),
            difficult=np.array(self.difficult, np.bool_),
        )


def number_categories(names: Iterable[str], first: int) -> tuple[Category, ...]:
    """Return categories for a format that has names only, numbered in their order."""
    return tuple(Category(number, name) for number, name in enumerate(names, start=first))


def check_something_is_there(pictures: int, ignore: Sequence[bool], faults: Faults) -> None:
    """Note where there is no picture, or no box to learn from; ``ignore`` says it of each box."""
    if not pictures:
        faults.add("images: empty; expected at least one")
    if not ignore:
        faults.add("annotations: empty; without a single box there is nothing to learn or measure")
    elif all(ignore):
        faults.add(
            "annotations: all are crowds, difficult or ignored, which are neither learnt nor "
            "measured"
        )
