"""How large objects are at the inputs that a search tries, and which levels see them.

An RPN with one octave has anchors of 8 strides at each level, after Lin et al. 2017, "Feature
Pyramid Networks", section 4.1: 32 pixels at P1. An object belongs to the level whose anchor is
nearest to the square root of its area, on a logarithmic scale.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from smnas.arch.parts import InputSize
from smnas.data.checks.boxes import Boxes
from smnas.data.checks.finding import Finding, Reporter
from smnas.data.picture import fit_scale

ANCHOR_STRIDES = 8
LEVELS = {f"P{level}": 2 ** (level + 1) for level in range(1, 7)}
"""Stride of each level."""
INVISIBLE_PX = 4.0
"""Smaller than the finest stride: no cell of any map is theirs alone."""
_MANY = 0.25


@dataclass(frozen=True)
class SizesAtInput:
    """The objects of a split at one input.

    Attributes:
        input: Width and height, as ``160x160``.
        side_px: 5th, 50th and 95th percentile of the square root of the boxes' areas.
        invisible: Share of the boxes that are smaller than ``INVISIBLE_PX``.
        levels: Share of the boxes that each level sees; with ``invisible`` they sum to 1.
    """

    input: str
    side_px: tuple[float, float, float]
    invisible: float
    levels: dict[str, float]


def sizes_at_inputs(boxes: Boxes, inputs: Sequence[InputSize]) -> tuple[SizesAtInput, ...]:
    """Return the sizes of the objects at each input; nothing where there are no objects."""
    objects = boxes.found.objects
    corners = boxes.found.boxes_xyxy[objects].astype(np.float64)
    pictures = boxes.sizes_N2[objects]
    if not len(corners):
        return ()
    sides = np.sqrt((corners[:, 2:] - corners[:, :2]).prod(axis=1))
    return tuple(
        _sizes_at(sides * [fit_scale(width, height, at) for width, height in pictures], at)
        for at in inputs
    )


def _sizes_at(sides_px: np.ndarray, at: InputSize) -> SizesAtInput:
    anchors = ANCHOR_STRIDES * np.array(list(LEVELS.values()), np.float64)
    nearest = np.abs(np.log2(sides_px)[:, None] - np.log2(anchors)).argmin(axis=1)
    visible = sides_px >= INVISIBLE_PX
    shares = np.bincount(nearest[visible], minlength=len(LEVELS)) / len(sides_px)
    low, middle, high = np.percentile(sides_px, [5, 50, 95]).tolist()
    return SizesAtInput(
        input=f"{at.width}x{at.height}",
        side_px=(low, middle, high),
        invisible=float(1 - visible.mean()),
        levels=dict(zip(LEVELS, shares.tolist(), strict=True)),
    )


def check_sizes(found: Sequence[SizesAtInput], report: Reporter) -> Iterator[Finding]:
    """Yield where objects are too small for the inputs that are searched."""
    if not found:
        return
    best = min(found, key=lambda item: item.invisible)
    blind = [item for item in found if item.invisible > _MANY]
    places = [f"{item.input}: {item.invisible:.0%} below {INVISIBLE_PX:g} px" for item in blind]
    if best in blind:
        yield report.find(
            "warning",
            "size-invisible",
            f"{best.invisible:.0%} of the objects or more are smaller than {INVISIBLE_PX:g} pixels "
            "at every searched input",
            "cut the pictures into tiles, or search larger inputs with a space file of your own",
            places,
        )
    elif blind:
        yield report.find(
            "note",
            "size-invisible",
            f"at {len(blind)} of {len(found)} searched inputs more than {_MANY:.0%} of the objects "
            f"are smaller than {INVISIBLE_PX:g} pixels",
            "nothing to do: the search finds out which input is worth its time",
            places,
        )
