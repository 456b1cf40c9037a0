"""Detections drawn into a picture, for people to look at."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_COLORS = ("#00a86b", "#d81b60", "#1e88e5", "#f0a202", "#8e44ad", "#00b8d4", "#e64a19", "#7cb342")
"""One per category id, again from the start after eight."""


def draw_prediction(
    picture_HW3: NDArray[np.uint8], detections: Sequence[Mapping[str, Any]]
) -> Image.Image:
    """Return the picture with a box and a label for each detection.

    Args:
        picture_HW3: The picture, RGB.
        detections: Each with ``box_xyxy`` in pixels of the picture, ``score``, ``category`` and
            ``category_id``; the first is drawn last, on top of the others.
    """
    image = Image.fromarray(picture_HW3)
    pen = ImageDraw.Draw(image)
    line = max(1, round(max(image.size) / 400))
    height = max(10, round(max(image.size) / 70))
    font = ImageFont.load_default(size=height)
    for item in reversed(detections):
        left, top, right, bottom = item["box_xyxy"]
        color = _COLORS[int(item["category_id"]) % len(_COLORS)]
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=color, width=line)
        label = f"{item['category']} {item['score']:.2f}"
        above = (left, max(0.0, top - 1.2 * height))
        pen.rectangle(pen.textbbox(above, label, font=font), fill=color)
        pen.text(above, label, fill="white", font=font)
    return image


def enlarge(picture_HW3: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], float]:
    """Return a picture whose longer side is at least ``side``, and how much larger it is."""
    factor = max(1.0, side / max(picture_HW3.shape[:2]))
    height, width = (round(factor * edge) for edge in picture_HW3.shape[:2])
    image = Image.fromarray(picture_HW3).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image), factor


def free_name(stem: str, taken: set[str]) -> str:
    """Return a file name for a drawn picture that no other of this call has, and take it.

    >>> taken = set()
    >>> free_name("a", taken), free_name("a", taken)
    ('a.jpg', 'a-2.jpg')
    """
    name, count = f"{stem}.jpg", 1
    while name in taken:
        count += 1
        name = f"{stem}-{count}.jpg"
    taken.add(name)
    return name
