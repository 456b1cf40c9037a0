"""The objects of one picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from smnas.data.picture import Boxes


@dataclass(frozen=True)
class Annotations:
    """The objects of one picture.

    Attributes:
        boxes_xyxy: G x 4, float32, pixels of the picture, inside it, none of them empty.
        labels: G, int64, positions in the data set's ``categories``.
        ignore: G, bool; crowds, difficult and mostly hidden objects: neither missed nor false.
        difficult: G, bool, or None for none at all; those of the ignored ones that are single
            objects (VOC's ``difficult``). The others are regions: what lies inside is ignored.
            Only measuring tells the two apart.
    """

    boxes_xyxy: Boxes
    labels: NDArray[np.int64]
    ignore: NDArray[np.bool_]
    difficult: NDArray[np.bool_] | None = None

    @classmethod
    def of(
        cls,
        boxes_xyxy: Iterable[Sequence[float]],
        labels: Iterable[int] | None = None,
        ignore: Iterable[bool] | None = None,
    ) -> Self:
        """Return annotations from plain rows; by default of the first category, none ignored."""
        boxes = np.array(list(boxes_xyxy), dtype=np.float32).reshape(-1, 4)
        count = len(boxes)
        return cls(
            boxes_xyxy=boxes,
            labels=np.array([0] * count if labels is None else list(labels), dtype=np.int64),
            ignore=np.array([False] * count if ignore is None else list(ignore), dtype=np.bool_),
        )

    def __len__(self) -> int:
        """Return the number of boxes, ignored ones included."""
        return len(self.boxes_xyxy)

    @property
    def objects(self) -> NDArray[np.bool_]:
        """G, bool: the boxes that a detector should find."""
        return ~self.ignore

    @property
    def regions(self) -> NDArray[np.bool_]:
        """G, bool: ignored boxes that may hold any number of objects, such as crowds."""
        return self.ignore if self.difficult is None else self.ignore & ~self.difficult
