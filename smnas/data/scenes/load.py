"""``scenes``: pictures made of real cut-outs over real photographs, with exact boxes.

Train, val and test are made of different cut-outs and of different photographs. A picture follows
from (grade, size, seed, split, index) alone: how many are made does not change it.
"""

from dataclasses import dataclass
from functools import cached_property

from smnas.data.annotations import Annotations
from smnas.data.dataset import DetectionDataset, hash_content
from smnas.data.picture import Picture
from smnas.data.scenes.parts import CATEGORIES, load_parts
from smnas.data.scenes.recipe import recipe_version, render_scene
from smnas.data.scenes.settings import GRADES, ScenesSettings, SplitName
from smnas.data.scenes.store import KeptPictures, keep_pictures
from smnas.seeding import generator


class ScenesDataset(DetectionDataset):
    """The pictures of one split, made when the first of them is looked at.

    Args:
        settings: Which pictures.
        split: Whose parts they are made of.
    """

    categories = CATEGORIES

    def __init__(self, settings: ScenesSettings, split: SplitName) -> None:
        self.name = f"{settings}/{split}"
        self._settings = settings
        self._split: SplitName = split
        self._parts = load_parts(split)
        self._grade = GRADES[settings.grade]
        version = recipe_version(self._grade, settings.size)
        facts = (version, settings.grade, self._grade, settings.size, settings.seed)
        self._data_id = hash_content(
            [self._parts.content_id, split, str(len(self)), *map(repr, facts), repr(CATEGORIES)]
        )

    @property
    def in_memory(self) -> bool:
        """True: they are mapped as they are, without decoding."""
        return True

    @property
    def data_id(self) -> str:
        """From the parts, the recipe and the settings; no picture is made for it."""
        return self._data_id

    def __len__(self) -> int:
        """Return the number of pictures."""
        return self._settings.count(self._split)

    def picture_id(self, index: int) -> str:
        """Return split and index."""
        return f"{self._split}-{index}"

    def picture_size(self, index: int) -> tuple[int, int]:
        """Return the side of the pictures, twice."""
        return self._settings.size, self._settings.size

    def annotations(self, index: int) -> Annotations:
        """Return the objects of a picture; those that are hardly seen are ignored."""
        return self._kept.annotations(index)

    def read(self, index: int) -> tuple[Picture, Annotations]:
        """Return a copy of a picture, and its objects."""
        return self._kept.pictures_NHW3[index].copy(), self.annotations(index)

    @cached_property
    def _kept(self) -> KeptPictures:
        name = f"scenes-{self._settings.grade}-{self._split}-{self._data_id}"
        return keep_pictures(name, len(self), self._settings.size, self._make)

    def _make(self, index: int) -> tuple[Picture, Annotations]:
        settings = self._settings
        rng = generator(settings.seed, "scenes", settings.grade, self._split, index)
        scene = render_scene(self._parts, self._grade, settings.size, rng)
        return scene.picture, scene.annotations


@dataclass(frozen=True)
class Scenes:
    """The splits of ``scenes``."""

    train: ScenesDataset
    val: ScenesDataset
    test: ScenesDataset


def load_scenes(settings: ScenesSettings) -> Scenes:
    """Return the splits; their pictures are made when they are first looked at."""
    return Scenes(*(ScenesDataset(settings, split) for split in ("train", "val", "test")))
