"""Boxes that cannot be meant, or hardly: doubles, specks, whole pictures, and what sticks out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smnas.data.annotations import Annotations
from smnas.data.checks.finding import Finding, Reporter, Severity
from smnas.data.dataset import DetectionDataset
from smnas.data.table_dataset import TableDataset
from smnas.data.wording import count

SPECK_PX = 2.0
"""Sides below this show nothing that could be learnt."""
WHOLE_SHARE = 0.98
"""Share of both sides of the picture."""
STICKING_OUT_PX = 2.0
LONG_RATIO = 25.0
"""Longer side over shorter."""
SAME_PX = 0.5
MANY_OBJECTS = 100
"""COCO's AP counts as many detections in a picture (of each class)."""


@dataclass(frozen=True)
class Boxes:
    """All boxes of a split, ignored ones included.

    Attributes:
        dataset: The split.
        pictures: N, positions of their pictures.
        found: The boxes.
        sizes_N2: Width and height of their pictures.
    """

    dataset: DetectionDataset
    pictures: NDArray[np.int64]
    found: Annotations
    sizes_N2: NDArray[np.float64]

    def name(self, number: int) -> str:
        """Return how a box is called in findings."""
        row = int(self.pictures[number])
        picture = self.dataset.picture_file(row) or self.dataset.picture_id(row)
        category = self.dataset.categories[int(self.found.labels[number])].name
        corners = ", ".join(f"{side:g}" for side in self.found.boxes_xyxy[number].round(1).tolist())
        return f"{picture}: {category} [{corners}]"


def gather_boxes(dataset: DetectionDataset) -> Boxes:
    """Return all boxes of a split."""
    found = [dataset.annotations(index) for index in range(len(dataset))]
    pictures = np.repeat(np.arange(len(dataset)), [len(item) for item in found])
    sizes = np.array([dataset.picture_size(index) for index in range(len(dataset))], np.float64)
    joined = Annotations(
        boxes_xyxy=np.concatenate([item.boxes_xyxy for item in found]),
        labels=np.concatenate([item.labels for item in found]),
        ignore=np.concatenate([item.ignore for item in found]),
    )
    return Boxes(dataset, pictures, joined, sizes[pictures])


@dataclass(frozen=True)
class _Kind:
    """How one kind of strange box is told."""

    severity: Severity
    check: str
    told: str
    advice: str


_KINDS = {
    "doubles": _Kind(
        "warning",
        "box-double",
        "there twice, with the same class",
        "remove the copies: a detector that finds the object once is charged with a miss",
    ),
    "rivals": _Kind(
        "warning",
        "box-two-classes",
        "there twice, with two classes",
        "decide on one class: no detector can learn both",
    ),
    "specks": _Kind(
        "warning",
        "box-tiny",
        f"with a side of less than {SPECK_PX:g} pixels",
        "remove them, or mark them as crowd (ignored): they are often slips of the mouse",
    ),
    "wholes": _Kind(
        "warning",
        "box-whole-picture",
        "of the size of its whole picture",
        "make sure that they are meant: labels for whole pictures teach no places",
    ),
    "long": _Kind(
        "warning",
        "box-long",
        f"more than {LONG_RATIO:g} times as long as wide",
        "make sure that they are meant: no anchor has this shape",
    ),
}


def check_boxes(boxes: Boxes, report: Reporter) -> Iterator[Finding]:
    """Yield which boxes of a split are strange."""
    corners, objects = boxes.found.boxes_xyxy, boxes.found.objects
    sides = (corners[:, 2:] - corners[:, :2]).astype(np.float64)
    doubles, rivals = _find_doubles(boxes)
    strange = {
        "doubles": doubles,
        "rivals": rivals,
        "specks": objects & (sides.min(axis=1, initial=np.inf) < SPECK_PX),
        "wholes": objects & (sides >= WHOLE_SHARE * boxes.sizes_N2).all(axis=1),
        "long": objects
        & (sides.max(axis=1, initial=0) > LONG_RATIO * sides.min(axis=1, initial=np.inf)),
    }
    for name, kind in _KINDS.items():
        numbers = np.flatnonzero(strange[name]).tolist()
        if numbers:
            yield report.find(
                kind.severity,
                kind.check,
                f"{count(len(numbers), 'box')} {kind.told}",
                kind.advice,
                map(boxes.name, numbers),
            )
    yield from _check_sticking_out(boxes.dataset, report)
    yield from _check_pictures(boxes, report)


def _find_doubles(boxes: Boxes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which boxes repeat an earlier one of their picture: of the same class, of another."""
    rounded = np.round(boxes.found.boxes_xyxy / SAME_PX).astype(np.int64)
    keys: NDArray[Any] = np.column_stack([boxes.pictures, rounded, boxes.found.labels])
    repeats = [np.ones(len(keys), np.bool_) for _ in range(2)]
    for repeat, columns in zip(repeats, (keys, keys[:, :-1]), strict=True):
        _, firsts = np.unique(columns, axis=0, return_index=True)
        repeat[firsts] = False
    same, any_class = repeats
    return same & boxes.found.objects, any_class & ~same & boxes.found.objects


def _check_sticking_out(dataset: DetectionDataset, report: Reporter) -> Iterator[Finding]:
    if not isinstance(dataset, TableDataset):
        return
    table = dataset.table
    sizes = np.array([(row.width, row.height) for row in table.pictures], np.float64)
    corners = table.boxes.xyxy
    over = np.maximum(-corners, corners - np.tile(sizes[table.boxes.pictures], 2)).max(axis=1)
    numbers = np.flatnonzero(over > STICKING_OUT_PX).tolist()
    if numbers:
        yield report.find(
            "warning",
            "box-outside",
            f"{count(len(numbers), 'box')} sticking out of the picture by more than "
            f"{STICKING_OUT_PX:g} pixels",
            "they are clipped; many of them, or by much, mean another picture size or box format",
            (
                f"{dataset.picture_file(int(table.boxes.pictures[number]))}: "
                f"{[round(side, 1) for side in corners[number].tolist()]}, by {over[number]:.0f} px"
                for number in numbers
            ),
        )


def _check_pictures(boxes: Boxes, report: Reporter) -> Iterator[Finding]:
    """Yield what is strange about the number of objects in pictures."""
    total = len(boxes.dataset)
    objects = np.bincount(boxes.pictures[boxes.found.objects], minlength=total)
    crowded = np.flatnonzero(objects > MANY_OBJECTS).tolist()
    if crowded:
        files = (
            boxes.dataset.picture_file(row) or boxes.dataset.picture_id(row) for row in crowded
        )
        yield report.find(
            "note",
            "picture-crowded",
            f"{count(len(crowded), 'picture')} with more than {MANY_OBJECTS} objects",
            f"COCO's AP counts {MANY_OBJECTS} detections of a class and picture; cut into tiles",
            map(str, files),
        )
    empty = int((objects == 0).sum())
    if empty > total / 2:
        yield report.find(
            "note",
            "picture-empty",
            f"{count(empty, 'picture')} of {total:,} without objects",
            "make sure that they are annotated: objects without a box teach to overlook them",
        )
