"""The shape of a cut-out as it lies in a picture: turned, scaled, with a soft edge."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Grey = NDArray[np.uint8]
"""Height x width."""

OPAQUE = 128
"""An alpha of at least this covers what lies below: such pixels belong to the cut-out."""

PRODUCT_GREY = 12
"""Brighter than this is the product; darker the ground of its photograph."""
DIGIT_GREY = 110
"""Digits were stored at 8 x 8: half-way up their soft edge is where the stroke ends."""

_DRAWN_PX = 112
_BORDER_PX = 8
_CLOSING_PX = 5
_EDGE_BLUR_PX = 1.5
_EDGE_REACH_PX = 4
"""How far the soft edge reaches beyond the opaque pixels."""

FADING_PX = 24
"""Thin parts of cut-outs shorter than this may fade when they are shrunk; none of longer ones do,
so that longer ones are what they were before faded parts were raised."""
_FADED_PX = 2
"""What a shape has lost when a part of it has faded and not only its edge was rounded."""


@dataclass(frozen=True)
class Pose:
    """How a cut-out is turned.

    Attributes:
        stretch: Factor of its width, before it is turned.
        angle_deg: Clockwise.
        long_side_px: Of its box afterwards, to about a pixel.
    """

    stretch: float
    angle_deg: float
    long_side_px: float


def turn_cutout(tile: Grey, ground: int, pose: Pose) -> tuple[Grey, Grey]:
    """Return alpha and shading of a cut-out in its pose, both height x width, uint8.

    Args:
        tile: Side x side, grey values on a black ground.
        ground: The brightest grey value that is still ground.
        pose: How it lies.
    """
    drawn = Image.fromarray(tile).resize((_DRAWN_PX, _DRAWN_PX), Image.Resampling.BICUBIC)
    shading = np.pad(np.asarray(drawn), _BORDER_PX)
    solid = _close(shading > ground).astype(np.uint8) * 255
    alpha = Image.fromarray(solid).filter(ImageFilter.GaussianBlur(_EDGE_BLUR_PX))
    middle, extent = _turned_box(np.asarray(alpha) >= OPAQUE, pose)
    scale = pose.long_side_px / max(extent)
    # Shrunk first, so that turning needs no antialiasing of its own.
    side = len(shading)
    shrunk = max(1, round(side * pose.stretch * scale)), max(1, round(side * scale))
    width, height = (math.ceil((length + 2 * _EDGE_REACH_PX) * scale) + 2 for length in extent)
    size = (width, height)
    matrix = _turning(pose, (middle[0] * scale, middle[1] * scale), size, shrunk)
    turned = (
        image.resize(shrunk, Image.Resampling.BILINEAR).transform(
            size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
        )
        for image in (alpha, Image.fromarray(shading))
    )
    alpha_HW, shading_HW = map(np.asarray, turned)
    return _raise_faded(alpha_HW, pose.long_side_px), shading_HW


def _raise_faded(alpha_HW: Grey, long_side_px: float) -> Grey:
    """Return the alpha, raised as little as brings back the thin parts at the ends of a shape.

    A strap thinner than a pixel is below ``OPAQUE`` everywhere, and the shape too short without it.
    """
    profiles = alpha_HW.max(axis=0), alpha_HW.max(axis=1)

    def long_side(level: int) -> int:
        above = (np.flatnonzero(profile >= level) for profile in profiles)
        return max(int(np.ptp(places)) + 1 if len(places) else 0 for places in above)

    if long_side_px >= FADING_PX or long_side(OPAQUE) > long_side_px - _FADED_PX:
        return alpha_HW
    enough = (level for level in range(OPAQUE, 0, -1) if long_side(level) >= long_side_px - 1)
    level = next(enough, OPAQUE)
    raised_HW = np.ceil(alpha_HW.astype(np.float32) * (OPAQUE / level))
    return np.minimum(raised_HW, 255).astype(np.uint8)


def _close(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask with gaps narrower than ``_CLOSING_PX`` filled; its border must be empty."""
    return ~_grow(~_grow(mask))


def _grow(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask, larger by half of ``_CLOSING_PX`` on all sides."""
    for _ in range(2):
        grown = mask.copy()
        for shift in range(1, _CLOSING_PX // 2 + 1):
            grown[shift:] |= mask[:-shift]
            grown[:-shift] |= mask[shift:]
        mask = grown.T
    return mask


def _turned_box(
    opaque: NDArray[np.bool_], pose: Pose
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return middle (from the tile's) and extent of what is opaque, turned but not yet scaled."""
    rows = np.flatnonzero(opaque.any(axis=1))
    first = opaque[rows].argmax(axis=1)
    end = opaque.shape[1] - opaque[rows, ::-1].argmax(axis=1)
    # The corners of each row's ends hold the whole shape between them.
    x = np.concatenate([first, first, end, end]) - opaque.shape[1] / 2
    y = np.concatenate([rows, rows + 1, rows, rows + 1]) - opaque.shape[0] / 2
    cos, sin = _direction(pose)
    turned = x * pose.stretch * cos - y * sin, x * pose.stretch * sin + y * cos
    (left, right), (top, bottom) = ((float(t.min()), float(t.max())) for t in turned)
    return ((left + right) / 2, (top + bottom) / 2), (right - left, bottom - top)


def _turning(
    pose: Pose,
    middle: tuple[float, float],
    size: tuple[int, int],
    shrunk: tuple[int, int],
) -> tuple[float, float, float, float, float, float]:
    """Return Pillow's matrix, which leads from the turned picture back to the shrunk one.

    Args:
        pose: Its angle.
        middle: Of the turned shape, seen from the middle of the shrunk picture, in its pixels.
        size: Width and height of the turned picture; the shape comes to its middle.
        shrunk: Width and height of the shrunk picture.
    """
    cos, sin = _direction(pose)
    x, y = middle[0] - size[0] / 2, middle[1] - size[1] / 2
    return (
        *(cos, sin, cos * x + sin * y + shrunk[0] / 2),
        *(-sin, cos, -sin * x + cos * y + shrunk[1] / 2),
    )


def _direction(pose: Pose) -> tuple[float, float]:
    angle = math.radians(pose.angle_deg)
    return math.cos(angle), math.sin(angle)
