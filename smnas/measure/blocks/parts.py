"""Blocks: the parts of a detector whose times are added up, as values.

A block is all that decides how long it takes: what is computed, and on maps of which size. Two
detectors that share a block share its time. ``smnas.measure.blocks.build`` makes modules of them.
"""

from dataclasses import dataclass, fields
from typing import Any

from pydantic import BaseModel

from smnas.arch.parts import (
    Backbone,
    CascadeHead,
    GuidedAnchoringRpn,
    InputSize,
    Norm,
    RcnnHead,
    RetinaHead,
    Rpn,
)
from smnas.arch.parts import Block as BlockKind

Size = tuple[int, int]
"""Rows and columns."""


@dataclass(frozen=True)
class Block:
    """Base of all blocks."""

    @property
    def key(self) -> str:
        """What the table calls it: all that it says, as text."""
        told = (f"{item.name}={_tell(getattr(self, item.name))}" for item in fields(self))
        return f"{type(self).__name__} {' '.join(told)}"


@dataclass(frozen=True)
class Fitting(Block):
    """A picture of ``picture`` pixels scaled, normalised and placed in the input."""

    picture: Size
    input: InputSize


@dataclass(frozen=True)
class Stem(Block):
    """A picture of ``size`` to the first group of a coded backbone, at stride 4."""

    base: int
    norm: Norm
    size: Size


@dataclass(frozen=True)
class Residual(Block):
    """One block of a coded backbone, on a map of ``size``."""

    kind: BlockKind
    channels: int
    planes: int
    stride: int
    groups: int
    """Of an xbottleneck; 1 for the others."""
    norm: Norm
    size: Size


@dataclass(frozen=True)
class Body(Block):
    """A whole backbone by name, up to the last of ``levels``, on a picture of ``size``."""

    backbone: Backbone
    levels: tuple[int, ...]
    norm: Norm
    size: Size


@dataclass(frozen=True)
class Conv(Block):
    """A convolution of the neck, on a map of ``size``; ``relu``: of the input, before it."""

    channels: int
    width: int
    kernel: int
    stride: int
    norm: Norm
    size: Size
    relu: bool = False


@dataclass(frozen=True)
class Merge(Block):
    """A lateral 1x1 to ``size``, and the coarser map scaled up and added."""

    channels: int
    width: int
    norm: Norm
    size: Size
    coarser: Size


@dataclass(frozen=True)
class Pool(Block):
    """A level made by leaving out every second position."""

    width: int
    size: Size


@dataclass(frozen=True)
class Tower(Block):
    """One of RetinaNet's two towers, on one level."""

    convs: int
    width: int
    outputs: int
    norm: Norm
    size: Size


@dataclass(frozen=True)
class RpnLevel(Block):
    """The convolutions of an RPN, on one level."""

    width: int
    shapes: int
    norm: Norm
    size: Size


@dataclass(frozen=True)
class Dense(Block):
    """What follows the convolutions of RetinaNet's head or an RPN: the best of each level, NMS."""

    head: RetinaHead | Rpn
    classes: int
    sizes: tuple[Size, ...]
    strides: tuple[int, ...]
    image: Size


@dataclass(frozen=True)
class Guided(Block):
    """A guided-anchoring RPN as a whole, over all levels."""

    rpn: GuidedAnchoringRpn
    width: int
    norm: Norm
    sizes: tuple[Size, ...]
    strides: tuple[int, ...]
    image: Size


@dataclass(frozen=True)
class Align(Block):
    """RoIAlign of ``rois`` proposals."""

    width: int
    rois: int
    cells: int
    aligned: bool
    levels: tuple[int, ...]
    sizes: tuple[Size, ...]
    strides: tuple[int, ...]
    image: Size


@dataclass(frozen=True)
class Predictor(Block):
    """The fully connected layers over ``rois`` proposals."""

    features: int
    fc: int
    classes: int
    boxes: int
    rois: int
    image: Size | None
    """What the boxes are clipped to that the next stage looks at; None where there is none."""


@dataclass(frozen=True)
class Detections(Block):
    """From scored proposals to detections."""

    head: RcnnHead | CascadeHead
    classes: int
    rois: int
    image: Size


def _tell(value: Any) -> str:
    if isinstance(value, BaseModel):
        told = value.model_dump_json(exclude_defaults=True)
        return f"{type(value).__name__}{told}"
    return str(value).replace(" ", "")
