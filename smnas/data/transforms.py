"""What training changes about a picture, so that it never sees the same one twice.

The geometry (which part, how near) is the window that ``DetectionDataset.draw`` looks through; here
are the random numbers for it, and the rest: mirroring, brightness and contrast.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from smnas.arch.parts import InputSize
from smnas.data.annotations import Annotations
from smnas.data.picture import (
    Boxes,
    as_tensor,
    fit_boxes,
    fit_scale,
    place_picture,
    resize_picture,
    scaled_size,
)
from smnas.data.window import View

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Zoom = Annotated[float, Field(ge=0.1, le=10.0, allow_inf_nan=False)]
Strength = Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)]

MIN_SIDE_PX = 1.0
"""Boxes with a side below one pixel of the network's input are dropped: nothing can be learned."""


@dataclass(frozen=True)
class Look:
    """How one picture is shown this time: the numbers that an ``Augmentation`` has drawn."""

    zoom: float = 1.0
    mirrored: bool = False
    upside_down: bool = False
    brightness: float = 1.0
    contrast: float = 1.0


class Augmentation(BaseModel):
    """How much training may change a picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizontal_flip: Share = 0.5
    """Probability that left and right are exchanged."""
    vertical_flip: Share = 0.0
    """Probability that top and bottom are exchanged; 0.5 suits pictures taken from above."""
    zoom: tuple[Zoom, Zoom] = (0.8, 1.25)
    """Least and greatest enlargement, drawn evenly in its logarithm; (1, 1) switches it off."""
    brightness: Strength = 0.2
    """Values are multiplied by a factor of up to 1 plus or minus this."""
    contrast: Strength = 0.2
    """Distances from the mean, likewise."""

    @model_validator(mode="after")
    def _zoom_is_ordered(self) -> Self:
        if self.zoom[0] > self.zoom[1]:
            raise ValueError(f"zoom runs upwards; got {list(self.zoom)}")
        return self

    def draw(self, rng: np.random.Generator) -> Look:
        """Return how the next picture is shown; draws five numbers whatever the settings."""
        shares = rng.random(5)
        low, high = (math.log(zoom) for zoom in self.zoom)
        return Look(
            zoom=math.exp(low + float(shares[0]) * (high - low)),
            mirrored=bool(shares[1] < self.horizontal_flip),
            upside_down=bool(shares[2] < self.vertical_flip),
            brightness=1.0 + self.brightness * float(2.0 * shares[3] - 1.0),
            contrast=1.0 + self.contrast * float(2.0 * shares[4] - 1.0),
        )


def render_view(view: View, size: InputSize, look: Look, image_3HW: Tensor) -> Annotations:
    """Write a view into a network input as ``fit_picture`` would, changed as ``look`` says.

    Args:
        view: What is seen; its window, not the cut-out alone, is fitted to ``size``.
        size: The input that the arch names.
        look: Mirroring and colours; its zoom is in the view already.
        image_3HW: float32 zeros of ``size.padded``, written to.

    Returns:
        The objects in pixels of the network input.
    """
    scale = fit_scale(view.width, view.height, size)
    cut_height, cut_width = view.picture.shape[:2]
    width, height = scaled_size(cut_width, cut_height, scale)
    picture = view.picture
    boxes = fit_boxes(view.annotations.boxes_xyxy, scale, cut_width, cut_height)
    if look.mirrored:
        boxes = mirror_boxes(boxes, width, axis=0)
    if look.upside_down:
        picture = picture[::-1]
        boxes = mirror_boxes(boxes, height, axis=1)
    resized_3HW = resize_picture(as_tensor(picture), width, height)
    # Sides are rounded: the last row or column must not leave the input.
    left = min(round(view.left * scale), max(0, size.width - width))
    top = min(round(view.top * scale), max(0, size.height - height))
    place_picture(
        resized_3HW,
        image_3HW,
        left=left,
        top=top,
        mirrored=look.mirrored,
        brightness=look.brightness,
        contrast=look.contrast,
    )
    return _move(view.annotations, boxes, left, top)


def mirror_boxes(boxes_xyxy: Boxes, side: float, axis: int) -> Boxes:
    """Return the boxes mirrored within 0 to ``side``, along x (axis 0) or y (axis 1)."""
    mirrored = boxes_xyxy.copy()
    mirrored[:, axis] = side - boxes_xyxy[:, axis + 2]
    mirrored[:, axis + 2] = side - boxes_xyxy[:, axis]
    return mirrored


def _move(annotations: Annotations, boxes: Boxes, left: int, top: int) -> Annotations:
    kept = (boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE_PX).all(axis=1)
    corner = np.array([left, top, left, top], dtype=np.float32)
    return Annotations(
        boxes_xyxy=boxes[kept] + corner,
        labels=annotations.labels[kept],
        ignore=annotations.ignore[kept],
    )
