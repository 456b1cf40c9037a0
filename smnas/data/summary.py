"""A data set in numbers: what people want to know before they spend hours on it."""

from dataclasses import dataclass

import numpy as np

from smnas.data.dataset import DetectionDataset


@dataclass(frozen=True)
class DataSummary:
    """Counts and sizes of a data set.

    Attributes:
        name: Of the data set.
        pictures: How many.
        empty_pictures: How many of them show nothing to find.
        boxes: Objects to find.
        ignored_boxes: Crowds, difficult and mostly hidden objects.
        boxes_by_category: Objects to find, by the name of their category.
        box_side_px: 5th, 50th and 95th percentile of the square root of the boxes' areas, in
            pixels of the pictures; zeros where there is no box.
        median_size: Median width and height of the pictures, in pixels.
        median_aspect_ratio: Median of width divided by height.
    """

    name: str
    pictures: int
    empty_pictures: int
    boxes: int
    ignored_boxes: int
    boxes_by_category: dict[str, int]
    box_side_px: tuple[float, float, float]
    median_size: tuple[int, int]
    median_aspect_ratio: float


def summarise(dataset: DetectionDataset) -> DataSummary:
    """Return the numbers of a data set; no picture is read.

    Args:
        dataset: At least one picture.
    """
    found = [dataset.annotations(index) for index in range(len(dataset))]
    sizes = np.array([dataset.picture_size(index) for index in range(len(dataset))])
    boxes = np.concatenate([item.boxes_xyxy[item.objects] for item in found])
    labels = np.concatenate([item.labels[item.objects] for item in found])
    counts = np.bincount(labels, minlength=len(dataset.categories))
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)) if len(boxes) else np.zeros(1)
    low, middle, high = np.percentile(sides, [5, 50, 95])
    width, height = np.median(sizes, axis=0)
    return DataSummary(
        name=dataset.name,
        pictures=len(dataset),
        empty_pictures=sum(not item.objects.any() for item in found),
        boxes=len(boxes),
        ignored_boxes=sum(len(item) for item in found) - len(boxes),
        boxes_by_category={
            category.name: int(count)
            for category, count in zip(dataset.categories, counts, strict=True)
        },
        box_side_px=(float(low), float(middle), float(high)),
        median_size=(round(width), round(height)),
        median_aspect_ratio=float(np.median(sizes[:, 0] / sizes[:, 1])),
    )


MIXED_SHARE = 0.2


def inputs_aspect_ratio(dataset: DetectionDataset) -> float:
    """Return the width over height that inputs should have for the pictures.

    The median; where at least a fifth of the pictures are higher than wide and a fifth wider than
    high, the geometric mean, at which neither kind is shrunk more than it must be: the median would
    be that of the majority alone.

    Args:
        dataset: At least one picture.
    """
    sizes = np.array([dataset.picture_size(index) for index in range(len(dataset))])
    ratios = sizes[:, 0] / sizes[:, 1]
    if min((ratios < 1).mean(), (ratios > 1).mean()) >= MIXED_SHARE:
        return float(np.exp(np.log(ratios).mean()))
    return float(np.median(ratios))
