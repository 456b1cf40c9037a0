"""What a set of annotated pictures offers to training, measuring and people."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smnas.data.annotations import Annotations
from smnas.data.picture import Picture
from smnas.data.window import View, look_through, random_window

__all__ = ["Annotations", "Category", "DetectionDataset", "Subset", "View", "hash_content"]


@dataclass(frozen=True)
class Category:
    """One class of objects: its id is the data's own, kept as it is; ids need not be contiguous."""

    id: int
    name: str


class DetectionDataset(ABC):
    """Annotated pictures of one split. Pictures are read when they are asked for."""

    name: str
    categories: tuple[Category, ...]

    @property
    @abstractmethod
    def data_id(self) -> str:
        """12 hex digits that change whenever pictures, boxes or categories do."""

    @property
    def in_memory(self) -> bool:
        """Whether ``read`` and ``draw`` need no decoding, so that nobody has to keep copies."""
        return False

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of pictures."""

    @abstractmethod
    def picture_id(self, index: int) -> int | str:
        """Return the data's own id of a picture."""

    def picture_file(self, index: int) -> Path | None:
        """Return the file of a picture, absolute; None where it has none of its own."""
        del index
        return None

    @abstractmethod
    def picture_size(self, index: int) -> tuple[int, int]:
        """Return width and height in pixels, without reading the picture."""

    @abstractmethod
    def annotations(self, index: int) -> Annotations:
        """Return the objects of a picture, without reading it."""

    @abstractmethod
    def read(self, index: int) -> tuple[Picture, Annotations]:
        """Return a picture and its objects.

        Raises:
            DataError: The picture cannot be read, or is not of the size that the annotations say.
        """

    def draw(self, index: int, rng: np.random.Generator, zoom: float = 1.0) -> View:
        """Return what training sees of a picture this time.

        Args:
            index: Which picture.
            rng: Where the window lies.
            zoom: How much larger than in ``read`` the objects shall appear; below 1: smaller.
        """
        picture, annotations = self.read(index)
        height, width = picture.shape[:2]
        window = random_window((width, height), (width / zoom, height / zoom), rng)
        return look_through(window, picture, annotations)


class Subset(DetectionDataset):
    """Some pictures of another data set, in the order of ``indices``."""

    def __init__(self, dataset: DetectionDataset, indices: Sequence[int], name: str) -> None:
        self.name = name
        self.categories = dataset.categories
        self._dataset = dataset
        self._indices = tuple(int(index) for index in indices)

    @property
    def data_id(self) -> str:
        """From the whole's id and the pictures taken."""
        return hash_content([self._dataset.data_id, *map(str, self._indices)])

    @property
    def in_memory(self) -> bool:
        """As the whole."""
        return self._dataset.in_memory

    def __len__(self) -> int:
        """Return the number of pictures taken."""
        return len(self._indices)

    def picture_id(self, index: int) -> int | str:
        """Return the id that the picture has in the whole."""
        return self._dataset.picture_id(self._indices[index])

    def picture_file(self, index: int) -> Path | None:
        """Return the file that the picture has in the whole."""
        return self._dataset.picture_file(self._indices[index])

    def picture_size(self, index: int) -> tuple[int, int]:
        """Return width and height in pixels."""
        return self._dataset.picture_size(self._indices[index])

    def annotations(self, index: int) -> Annotations:
        """Return the objects of a picture."""
        return self._dataset.annotations(self._indices[index])

    def read(self, index: int) -> tuple[Picture, Annotations]:
        """Return a picture and its objects."""
        return self._dataset.read(self._indices[index])

    def draw(self, index: int, rng: np.random.Generator, zoom: float = 1.0) -> View:
        """Return what the whole lets training see of the picture."""
        return self._dataset.draw(self._indices[index], rng, zoom)


def hash_content(parts: Iterable[str | bytes]) -> str:
    """Return the first 12 hex digits of the SHA-256 of the parts; where one ends matters."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:12]
