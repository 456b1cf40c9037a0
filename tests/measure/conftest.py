"""Small sets and crude detectors, made up from a seed."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from smnas.data.annotations import Annotations
from smnas.data.dataset import Category, DetectionDataset, hash_content
from smnas.detector.contract import Prediction

SIDE = 256


class ListDataset(DetectionDataset):
    """Pictures and objects that are handed in."""

    name = "list"

    def __init__(self, objects: Sequence[Annotations], category_ids: Sequence[int]) -> None:
        self.categories = tuple(Category(id, f"thing-{id}") for id in category_ids)
        self._objects = list(objects)

    @property
    def data_id(self):
        return hash_content([item.boxes_xyxy.tobytes() for item in self._objects])

    def __len__(self):
        return len(self._objects)

    def picture_id(self, index):
        return 1000 + index

    def picture_size(self, index):
        return SIDE, SIDE

    def annotations(self, index):
        return self._objects[index]

    def read(self, index):
        return np.full((SIDE, SIDE, 3), index % 256, np.uint8), self._objects[index]


def make_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    side = np.exp(rng.uniform(np.log(8), np.log(160), (count, 2)))
    corner = rng.uniform(0, SIDE - side)
    return np.concatenate([corner, corner + side], 1).astype(np.float32)


def make_dataset(
    seed: int, pictures: int = 12, per_picture: float = 4.0, ids: Sequence[int] = (7, 3, 90)
) -> ListDataset:
    rng = np.random.default_rng(seed)
    objects = []
    for _ in range(pictures):
        count = int(rng.poisson(per_picture))
        objects.append(
            Annotations(
                boxes_xyxy=make_boxes(rng, count),
                labels=rng.integers(0, len(ids), count),
                ignore=rng.random(count) < 0.1,
            )
        )
    if not any(item.objects.any() for item in objects):
        objects[0] = Annotations.of([[10, 10, 60, 60]])
    return ListDataset(objects, ids)


def make_predictions(
    dataset: ListDataset, seed: int, found: float = 0.7, digits: int = 2
) -> list[Prediction]:
    """Find some objects, more or less exactly, some of them twice, and some that are not there.

    Scores have few ``digits``, so that some are equal.
    """
    rng = np.random.default_rng(seed)
    ids = np.array([category.id for category in dataset.categories])
    predictions = []
    for index in range(len(dataset)):
        item = dataset.annotations(index)
        pick = np.flatnonzero(rng.random(len(item.labels)) < found)
        pick = np.concatenate([pick, pick[rng.random(len(pick)) < 0.2]])
        side = np.tile(item.boxes_xyxy[pick, 2:] - item.boxes_xyxy[pick, :2], 2)
        boxes = item.boxes_xyxy[pick] + rng.normal(0, 0.06, (len(pick), 4)) * side
        false = make_boxes(rng, int(rng.poisson(3)))
        boxes = np.concatenate([boxes, false])
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        labels = np.concatenate([item.labels[pick], rng.integers(0, len(ids), len(false))])
        scores = np.round(rng.beta(3, 2, len(boxes)), digits)
        order = np.argsort(-scores, kind="stable")
        predictions.append(
            Prediction(
                boxes_xyxy=boxes[order].astype(np.float32),
                scores=scores[order].astype(np.float32),
                labels=ids[labels[order].astype(np.int64)].astype(np.int64),
            )
        )
    return predictions


@pytest.fixture
def dataset() -> ListDataset:
    return make_dataset(0)


@pytest.fixture
def predictions(dataset: ListDataset) -> list[Prediction]:
    return make_predictions(dataset, 1)


@pytest.fixture(scope="session")
def build_dataset() -> Callable[..., ListDataset]:
    """From a seed, a number of pictures, objects per picture, and category ids."""
    return make_dataset


@pytest.fixture(scope="session")
def build_predictions() -> Callable[..., list[Prediction]]:
    """From a set, a seed, the share that is found, and the digits of scores."""
    return make_predictions


@pytest.fixture(scope="session")
def build_list() -> Callable[..., ListDataset]:
    """From annotations and category ids."""
    return ListDataset
