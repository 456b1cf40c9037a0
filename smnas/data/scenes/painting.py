"""Layers over a background: who covers whom, and which pixels are still seen of each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from smnas.data.annotations import Annotations
from smnas.data.scenes.cutout import OPAQUE

Colours = NDArray[np.floating[Any]]
"""Height x width x 3, 0-255; float32, which the types of NumPy's products do not tell."""
Owners = NDArray[np.int16]
"""Height x width: number of the layer that is seen at a pixel; ``BACKGROUND`` where none is."""

BACKGROUND = -1

MIN_VISIBLE_SHARE = 0.35
"""Below this share of its pixels an object becomes ignored: neither to be found nor background."""
MIN_VISIBLE_PX = 20
"""Below this number of pixels too."""


@dataclass(frozen=True)
class Shadow:
    """What a layer darkens around it.

    Attributes:
        right_px: How far it lies to the right of the layer.
        down_px: How far below.
        blur_px: Radius of its softness.
        strength: Share of the light that it takes where it is darkest.
    """

    right_px: int
    down_px: int
    blur_px: float
    strength: float


@dataclass(frozen=True, eq=False)
class Layer:
    """Something that is painted over what is there already.

    Attributes:
        alpha_HW: uint8; ``OPAQUE`` and above belongs to the layer.
        colours_HW3: What it looks like.
        left: Column of the picture where it begins; may lie outside.
        top: Row of the picture where it begins.
        shadow: Painted before it.
        label: Position in the categories; None: clutter, which nobody shall find.
    """

    alpha_HW: NDArray[np.uint8]
    colours_HW3: Colours
    left: int
    top: int
    shadow: Shadow
    label: int | None


def paint_layers(canvas_HW3: Colours, layers: list[Layer]) -> Owners:
    """Paint layers into ``canvas_HW3``, each over those before it; return who is seen where."""
    owners_HW = np.full(canvas_HW3.shape[:2], BACKGROUND, dtype=np.int16)
    for number, layer in enumerate(layers):
        _darken(canvas_HW3, layer)
        there, here = _overlap(canvas_HW3.shape, layer.alpha_HW.shape, layer.left, layer.top)
        alpha_HW = layer.alpha_HW[here]
        ground_HW3 = canvas_HW3[there]
        share_HW1 = alpha_HW[:, :, None] * np.float32(1 / 255)
        ground_HW3 += share_HW1 * (layer.colours_HW3[here] - ground_HW3)
        owners_HW[there][alpha_HW >= OPAQUE] = number
    return owners_HW


def annotate(owners_HW: Owners, layers: list[Layer]) -> Annotations:
    """Return the objects among the layers, each with the tight box of its visible pixels.

    What is not seen at all is left out; what is hardly seen is ignored.
    """
    found = [
        (_tight_box(visible_HW), layer.label, _is_hidden(visible_HW, layer))
        for number, layer in enumerate(layers)
        if layer.label is not None and (visible_HW := owners_HW == number).any()
    ]
    boxes, labels, ignore = zip(*found, strict=True) if found else ((), (), ())
    return Annotations.of(boxes, labels, ignore)


def _is_hidden(visible_HW: NDArray[np.bool_], layer: Layer) -> bool:
    """Tell whether too little is seen of a layer; what lies outside the picture is not seen."""
    visible = np.count_nonzero(visible_HW)
    whole = np.count_nonzero(layer.alpha_HW >= OPAQUE)
    return bool(visible < MIN_VISIBLE_PX or visible < MIN_VISIBLE_SHARE * whole)


def _tight_box(visible_HW: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero(visible_HW.any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _darken(canvas_HW3: Colours, layer: Layer) -> None:
    shadow = layer.shadow
    reach = round(3 * shadow.blur_px)
    image = Image.fromarray(np.pad(layer.alpha_HW, reach))
    soft_HW = np.asarray(image.filter(ImageFilter.GaussianBlur(shadow.blur_px)))
    left, top = layer.left - reach + shadow.right_px, layer.top - reach + shadow.down_px
    there, here = _overlap(canvas_HW3.shape, soft_HW.shape, left, top)
    canvas_HW3[there] *= 1 - soft_HW[here][:, :, None] * np.float32(shadow.strength / 255)


Slices = tuple[slice, slice]


def _overlap(
    canvas: tuple[int, ...], layer: tuple[int, ...], left: int, top: int
) -> tuple[Slices, Slices]:
    """Return where a layer lies in the canvas, and which part of the layer that is."""
    (top_there, top_here), (left_there, left_here) = (
        _overlap_1d(canvas[axis], layer[axis], start) for axis, start in enumerate((top, left))
    )
    return (top_there, left_there), (top_here, left_here)


def _overlap_1d(canvas: int, layer: int, start: int) -> tuple[slice, slice]:
    begin, end = max(0, start), max(0, min(canvas, start + layer))
    begin = min(begin, end)
    return slice(begin, end), slice(begin - start, end - start)
