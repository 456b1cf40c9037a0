"""One picture of ``scenes``, from its parts and a seed: what is in it, where, and how it looks.

All lengths are drawn as shares of the picture's side, so that a seed shows the same scene in any
size. Whoever changes what comes out raises ``recipe_version``: ids of data and caches hang on it.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from smnas.data.annotations import Annotations
from smnas.data.picture import Picture
from smnas.data.scenes.cutout import (
    DIGIT_GREY,
    FADING_PX,
    PRODUCT_GREY,
    Grey,
    Pose,
    turn_cutout,
)
from smnas.data.scenes.painting import Colours, Layer, Owners, Shadow, annotate, paint_layers
from smnas.data.scenes.parts import Parts
from smnas.data.scenes.settings import Grade

Range = tuple[float, float]

_BACKGROUND_SHARE = (0.35, 1.0)
"""Side of the background's crop, of the photograph's short side."""
_BRIGHTNESS = (0.5, 1.2)
_STRETCH = (0.8, 1.25)
_ANGLE_DEG = (-25.0, 25.0)
_CENTRE = (-0.03, 1.03)
"""Centres may leave the picture."""
_DIGIT_SIDE = (0.08, 0.30)
_DARK_COLOUR = (0.0, 130.0)
_LIGHT_COLOUR = (60.0, 255.0)
_PATTERNED_SHARE = 0.4
_PATTERN_SHARE = (0.1, 0.5)
_PATTERN_LIGHT = 0.35
"""Light that a pattern keeps where the cut-out is black."""
_SHADOW_OFFSET = (-0.02, 0.02)
_SHADOW_BLUR = (0.008, 0.025)
_SHADOW_STRENGTH = (0.2, 0.6)
_SATURATION = (0.4, 1.3)
_BLURRED_SHARE = 0.4
_BLUR = (0.3 / 160, 1.1 / 160)
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class RenderedScene:
    """A finished picture, and all that is known of it."""

    picture: Picture
    annotations: Annotations
    layers: list[Layer]
    owners_HW: Owners


def recipe_version(grade: Grade, size: int) -> int:
    """Return the version of what comes out at this grade and size.

    Since version 2 thin parts of small cut-outs do not fade. Where none is that small the pictures
    are those of version 1, and so are their ids.
    """
    smallest = min(grade.long_side[0], _DIGIT_SIDE[0]) if grade.digits else grade.long_side[0]
    return 1 if smallest * size >= FADING_PX else 2


def render_scene(parts: Parts, grade: Grade, size: int, rng: np.random.Generator) -> RenderedScene:
    """Return a picture of ``size`` x ``size`` pixels; equal generators make equal pictures."""
    order = rng.permutation(len(parts.photographs))
    background, *patterns = (parts.photographs[index] for index in order)
    canvas_HW3 = _draw_background(background, size, rng)
    layers = _Studio(parts, patterns, grade, size, rng).draw_layers()
    owners_HW = paint_layers(canvas_HW3, layers)
    picture = _photograph(canvas_HW3, grade.noise, rng)
    return RenderedScene(picture, annotate(owners_HW, layers), layers, owners_HW)


@dataclass(frozen=True, eq=False)
class _Studio:
    """Draws the layers of one picture.

    Attributes:
        parts: What they are made of.
        patterns: Photographs that are not the background, so that nothing vanishes in it.
        grade: How many, and how large.
        size: Side of the picture in pixels.
        rng: Decides; each layer draws from it in turn.
    """

    parts: Parts
    patterns: list[Picture]
    grade: Grade
    size: int
    rng: np.random.Generator

    def draw_layers(self) -> list[Layer]:
        """Return objects and digits in a random order, the lowest first."""
        fewest, most = self.grade.objects
        objects = int(self.rng.integers(fewest, most + 1))
        digits = int(self.rng.integers(self.grade.digits + 1))
        is_object = self.rng.permutation(objects + digits) < objects
        return [self._draw_object() if chosen else self._draw_digit() for chosen in is_object]

    def _draw_object(self) -> Layer:
        label = int(self.rng.integers(len(self.parts.cutouts)))
        tiles = self.parts.cutouts[label]
        pose = self._draw_pose(self.grade.long_side)
        tile = tiles[self.rng.integers(len(tiles))]
        return self._draw_layer(*turn_cutout(tile, PRODUCT_GREY, pose), label)

    def _draw_digit(self) -> Layer:
        tiles = self.parts.digits
        pose = self._draw_pose(_DIGIT_SIDE)
        tile = tiles[self.rng.integers(len(tiles))]
        return self._draw_layer(*turn_cutout(tile, DIGIT_GREY, pose), None)

    def _draw_pose(self, long_side: Range) -> Pose:
        smallest, largest = long_side
        return Pose(
            stretch=self.rng.uniform(*_STRETCH),
            angle_deg=self.rng.uniform(*_ANGLE_DEG),
            long_side_px=self.size * smallest * (largest / smallest) ** self.rng.random(),
        )

    def _draw_layer(self, alpha_HW: Grey, shading_HW: Grey, label: int | None) -> Layer:
        """Return a turned cut-out with colours, a place and a shadow."""
        height, width = alpha_HW.shape
        colours_HW3 = self._draw_colours(shading_HW)
        centre_x, centre_y = self.rng.uniform(*_CENTRE, 2) * self.size
        right, down = self.rng.uniform(*_SHADOW_OFFSET, 2) * self.size
        shadow = Shadow(
            right_px=round(right),
            down_px=round(down),
            blur_px=self.rng.uniform(*_SHADOW_BLUR) * self.size,
            strength=self.rng.uniform(*_SHADOW_STRENGTH),
        )
        left, top = round(centre_x - width / 2), round(centre_y - height / 2)
        return Layer(alpha_HW, colours_HW3, left, top, shadow, label)

    def _draw_colours(self, shading_HW: Grey) -> Colours:
        """Return the shading between two random colours, or as light on a pattern."""
        light_HW1 = shading_HW[:, :, None].astype(np.float32) / np.float32(255)
        if self.rng.random() < _PATTERNED_SHARE:
            photograph = self.patterns[self.rng.integers(len(self.patterns))]
            height, width = shading_HW.shape
            pattern_HW3 = _draw_crop(photograph, _PATTERN_SHARE, (width, height), self.rng)
            kept = np.float32(_PATTERN_LIGHT)
            return pattern_HW3 * (kept + (1 - kept) * light_HW1)
        dark_3 = self.rng.uniform(*_DARK_COLOUR, 3).astype(np.float32)
        light_3 = self.rng.uniform(*_LIGHT_COLOUR, 3).astype(np.float32)
        return dark_3 + (light_3 - dark_3) * light_HW1


def _draw_background(photograph: Picture, size: int, rng: np.random.Generator) -> Colours:
    canvas_HW3 = _draw_crop(photograph, _BACKGROUND_SHARE, (size, size), rng)
    if rng.random() < 0.5:
        canvas_HW3 = canvas_HW3[:, ::-1]
    return canvas_HW3 * np.float32(rng.uniform(*_BRIGHTNESS))


def _draw_crop(
    photograph: Picture, share: Range, size: tuple[int, int], rng: np.random.Generator
) -> Colours:
    """Return a random square of a photograph, scaled to width and height ``size``."""
    height, width = photograph.shape[:2]
    side = round(min(height, width) * rng.uniform(*share))
    left, top = (int(rng.integers(length - side + 1)) for length in (width, height))
    crop = Image.fromarray(photograph[top : top + side, left : left + side])
    return np.asarray(crop.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


def _photograph(canvas_HW3: Colours, noise: float, rng: np.random.Generator) -> Picture:
    """Return the canvas as a camera might see it: saturation, blur, noise."""
    grey_HW1 = (canvas_HW3 * _LUMA).sum(axis=2, keepdims=True)
    seen_HW3 = grey_HW1 + np.float32(rng.uniform(*_SATURATION)) * (canvas_HW3 - grey_HW1)
    if rng.random() < _BLURRED_SHARE:
        blur = ImageFilter.GaussianBlur(rng.uniform(*_BLUR) * len(canvas_HW3))
        image = Image.fromarray(_to_bytes(seen_HW3)).filter(blur)
        seen_HW3 = np.asarray(image, dtype=np.float32)
    sigma = np.float32(rng.uniform(0, noise))
    noise_HW3 = rng.standard_normal(canvas_HW3.shape, dtype=np.float32)
    return _to_bytes(seen_HW3 + sigma * noise_HW3)


def _to_bytes(colours_HW3: Colours) -> Picture:
    return np.clip(np.rint(colours_HW3), 0, 255).astype(np.uint8)
