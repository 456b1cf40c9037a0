"""Windows onto pictures: what is cut out, and which boxes remain.

One idea serves tiles, crops and scale jitter: a window is a rectangle in pixels of a picture. It
may lie inside (a crop: objects appear larger once fitted) or reach beyond (they appear smaller).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smnas.data.annotations import Annotations
from smnas.data.picture import Picture

MIN_VISIBLE = 0.4
"""An object is to be found when at least this share of its box is inside; else it is ignored."""

_MIN_SIDE_PX = 1.0
_WHOLE = 1.0 - 1e-6


@dataclass(frozen=True)
class Window:
    """A rectangle of whole pixels; ``left`` and ``top`` may be negative."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class View:
    """What training sees of a picture: a cut-out, and the window it is looked at through.

    A window may be larger than the picture: then the objects appear smaller, and what lies around
    the picture is filled.

    Attributes:
        picture: The cut-out, height x width x 3, uint8; shares memory with its source.
        annotations: In pixels of the cut-out.
        width: Width of the window, in pixels of the picture; at least the cut-out's.
        height: Height of the window.
        left: Column of the window where the cut-out begins.
        top: Row of the window where the cut-out begins.
    """

    picture: Picture
    annotations: Annotations
    width: int
    height: int
    left: int = 0
    top: int = 0


def random_window(
    picture_size: tuple[int, int], window_size: tuple[float, float], rng: np.random.Generator
) -> Window:
    """Return a window anywhere in the picture, or anywhere around it where the window is larger.

    Args:
        picture_size: Width and height of the picture.
        window_size: Width and height of the window; rounded to whole pixels.
        rng: Where it lies, uniformly; draws two numbers whatever the sizes.
    """
    width, height = (max(1, round(side)) for side in window_size)
    left, top = (
        _between(min(0, room), max(0, room), share)
        for room, share in zip(
            (picture_size[0] - width, picture_size[1] - height), rng.random(2), strict=True
        )
    )
    return Window(left, top, width, height)


def _between(low: int, high: int, share: float) -> int:
    return low + int(share * (high - low + 1))


def look_through(window: Window, picture: Picture, annotations: Annotations) -> View:
    """Return what is seen of a picture; the window must touch it."""
    height, width = picture.shape[:2]
    left, top = max(0, window.left), max(0, window.top)
    right = min(width, window.left + window.width)
    bottom = min(height, window.top + window.height)
    return View(
        picture=picture[top:bottom, left:right],
        annotations=cut_annotations(annotations, (left, top, right, bottom)),
        width=window.width,
        height=window.height,
        left=left - window.left,
        top=top - window.top,
    )


def cut_annotations(annotations: Annotations, rectangle: tuple[int, int, int, int]) -> Annotations:
    """Return the objects inside a rectangle, in its pixels.

    Boxes are clipped. What is visible to less than ``MIN_VISIBLE`` becomes ignored, so that neither
    training nor measuring calls it background; slivers below a pixel are dropped.
    """
    left, top, right, bottom = rectangle
    boxes = annotations.boxes_xyxy.astype(np.float64)
    clipped = np.clip(boxes, (left, top, left, top), (right, bottom, right, bottom))
    share = _areas(clipped) / _areas(boxes)
    sides = clipped[:, 2:] - clipped[:, :2]
    kept = (share >= _WHOLE) | (sides >= _MIN_SIDE_PX).all(axis=1)
    return Annotations(
        boxes_xyxy=(clipped - (left, top, left, top))[kept].astype(np.float32),
        labels=annotations.labels[kept],
        ignore=(annotations.ignore | (share < MIN_VISIBLE))[kept],
    )


def _areas(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.prod(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], axis=1)
