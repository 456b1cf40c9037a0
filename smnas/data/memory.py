"""Pictures kept in memory, so that only the first epoch decodes them."""

import numpy as np

from smnas.arch.parts import InputSize
from smnas.data.annotations import Annotations
from smnas.data.dataset import DetectionDataset
from smnas.data.picture import (
    Picture,
    as_tensor,
    fit_boxes,
    fit_scale,
    resize_picture,
    scaled_size,
)


class KeptInMemory(DetectionDataset):
    """Another data set, shrunk to what training can use, each picture decoded once.

    Meant for training only: a picture that is shrunk twice is a little softer than ``fit_picture``
    would make it, so what is measured is read from the data set itself.

    Args:
        dataset: The pictures.
        size: The largest network input that they will be fitted to.
        zoom: The greatest zoom that will be asked for; pictures keep enough pixels for it.
        limit_mib: Memory to use; pictures beyond it are decoded each time.
    """

    def __init__(
        self, dataset: DetectionDataset, size: InputSize, zoom: float = 1.0, limit_mib: int = 1024
    ) -> None:
        self.name = dataset.name
        self.categories = dataset.categories
        self._dataset = dataset
        self._size = size
        self._zoom = max(1.0, zoom)
        self._free_bytes = limit_mib * 2**20
        self._kept: dict[int, Picture] = {}

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

    def picture_id(self, index: int) -> int | str:
        """Return the data's own id of a picture."""
        return self._dataset.picture_id(index)

    def picture_size(self, index: int) -> tuple[int, int]:
        """Return width and height after shrinking."""
        return scaled_size(*self._dataset.picture_size(index), self._scale(index))

    def annotations(self, index: int) -> Annotations:
        """Return the objects in pixels of the shrunk picture."""
        return self._shrink_boxes(index, self._dataset.annotations(index))

    def read(self, index: int) -> tuple[Picture, Annotations]:
        """Return the shrunk picture (the kept one: not to be written to) and its objects."""
        kept = self._kept.get(index)
        if kept is not None:
            return kept, self.annotations(index)
        picture, annotations = self._dataset.read(index)
        picture = self._shrink(index, picture)
        if picture.nbytes <= self._free_bytes:
            self._free_bytes -= picture.nbytes
            self._kept[index] = picture
        return picture, self._shrink_boxes(index, annotations)

    def _scale(self, index: int) -> float:
        scale = fit_scale(*self._dataset.picture_size(index), self._size)
        return min(1.0, scale * self._zoom)

    def _shrink(self, index: int, picture: Picture) -> Picture:
        scale = self._scale(index)
        if scale == 1.0:
            return picture
        height, width = picture.shape[:2]
        resized_3HW = resize_picture(as_tensor(picture), *scaled_size(width, height, scale))
        return np.ascontiguousarray(resized_3HW.permute(1, 2, 0).numpy())

    def _shrink_boxes(self, index: int, annotations: Annotations) -> Annotations:
        scale = self._scale(index)
        boxes = annotations.boxes_xyxy
        return Annotations(
            boxes_xyxy=fit_boxes(boxes, scale, *self._dataset.picture_size(index)),
            labels=annotations.labels,
            ignore=annotations.ignore,
        )
