"""Spaces by name: ``micro`` for two CPU cores and small pictures, ``paper`` as published."""

from collections.abc import Callable
from itertools import product
from math import isfinite, log
from pathlib import Path

from pydantic import ValidationError

from smnas.arch import DetectorArch
from smnas.arch.parts import MAX_LATERAL_LEVEL, NAMED_BACKBONES, InputSize, Norm
from smnas.errors import ConfigError, MissingFileError, describe_validation_error, nearest
from smnas.space.modular import ModularSpace
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace

MICRO_AREAS = (96**2, 128**2, 160**2, 192**2, 224**2)
"""Areas of the micro space's inputs in square pixels, each met as nearly as multiples of 32 can."""
ASPECT_RATIOS = (0.2, 5.0)
"""Smallest and largest width over height that inputs are made for."""

_SIDES = range(64, 545, 32)
_MICRO_NORM: Norm = "gn"
"""Within a few hundred steps from scratch more accurate than GN + WS (docs/decisions/0015)."""
_MICRO_BACKBONES = (
    "basicblock_8_1-2-2-2",
    "basicblock_16_1-2-21-21",
    "basicblock_16_11-21-21-21",
    "basicblock_24_2-11-211-21",
    "basicblock_32_1-21-21-21",
    "bottleneck_8_1-21-211-21",
    "bottleneck_16_1-21-211-21",
)
_MICRO_NECKS = (
    "none",
    "fpn-p1-p4-48",
    "fpn-p2-p3-32",
    "fpn-p2-p4-32",
    "fpn-p2-p4-48",
    "fpn-p2-p4-64",
    "fpn-p2-p5-64",
    "fpn-p2-p6-48/extra=conv",
    "fpn-p3-p5-64",
)
_MICRO_HEADS = (
    # Anchors smaller than COCO's, as the pictures are; few candidates kept, as few objects fit.
    "none/retina/anchor-scale=3/convs=2/pre-nms=300",
    "rpn/rcnn/fc=256/proposals=100/rpn-anchor-octaves=2/rpn-anchor-scale=4/rpn-pre-nms=300",
)
_PAPER_HEADS = (
    "none/retina",
    "rpn/rcnn",
    "rpn/cascade-2",
    "rpn/cascade-3",
    "rpn/cascade-4",
    # Guided Anchoring tightens the single head with it (paper.md 6.1); a cascade has its own stds.
    "ga-rpn/rcnn/box-stds=0.05,0.05,0.1,0.1/score=0.001",
    "ga-rpn/cascade-2",
    "ga-rpn/cascade-3",
    "ga-rpn/cascade-4",
)


def known_space(name: str, aspect_ratio: float = 1.0) -> SpacePair:
    """Return the pair of spaces called ``name``.

    Args:
        name: ``micro`` or ``paper``.
        aspect_ratio: Width over height of the pictures; ``micro`` makes its inputs after it, the
            sizes of ``paper`` are the published ones.

    Raises:
        ConfigError: No such space, or an aspect ratio that no input is made for.
    """
    if name not in _KNOWN_SPACES:
        hint = nearest(name, _KNOWN_SPACES)
        raise ConfigError(f"space {name!r}: unknown; {hint}, or the path of a JSON file")
    return _KNOWN_SPACES[name](aspect_ratio)


def load_space(path: str | Path) -> SpacePair:
    """Return the pair of spaces that a JSON file describes, as ``SpacePair`` dumps it.

    Raises:
        MissingFileError: There is no such file.
        ConfigError: Not JSON, unknown or missing fields, or choices that make no space; all that is
            wrong is named at once.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"space file {path}: no such file")
    try:
        return SpacePair.model_validate_json(path.read_bytes())
    except ValidationError as error:
        what = f"space file {path}"
        raise ConfigError(describe_validation_error(what, error, SpacePair)) from None


def input_levels(aspect_ratio: float) -> list[InputSize]:
    """Return the micro space's inputs, smallest first: multiples of 32, near area and aspect.

    Args:
        aspect_ratio: Width over height of the pictures.

    Raises:
        ConfigError: The ratio lies outside ``ASPECT_RATIOS``.
    """
    low, high = ASPECT_RATIOS
    if not isfinite(aspect_ratio) or not low <= aspect_ratio <= high:
        raise ConfigError(
            f"aspect ratio {aspect_ratio}: expected width over height between {low} and {high}; "
            "crop the pictures, or write a space file with inputs of your own"
        )
    chosen: list[tuple[int, int]] = []
    for area in MICRO_AREAS:
        free = [size for size in product(_SIDES, _SIDES) if size not in chosen]
        chosen.append(min(free, key=lambda size: _misfit(size, area, aspect_ratio)))
    chosen.sort(key=lambda size: size[0] * size[1])
    return [InputSize(width=width, height=height) for width, height in chosen]


def paper_necks(width: int = 256) -> tuple[str, ...]:
    """Return no neck, and every pyramid over P1 to P6: first level, last input, last output.

    Which of them the paper took is not published; these are all that there can be, 40 pyramids.
    Levels above the last input are made by pooling (paper.md 5.3).

    Args:
        width: Channels; the paper searches them in stage two only.
    """
    necks = ["none"]
    for first in range(1, MAX_LATERAL_LEVEL + 1):
        for last in range(first, 7):
            highest = min(last, MAX_LATERAL_LEVEL)
            necks.append(f"fpn-p{first}-p{last}-{width}")
            necks += [
                f"fpn-p{first}-p{last}-{width}/in=p{first}-p{top}" for top in range(first, highest)
            ]
    return tuple(necks)


def describe_spaces() -> list[dict[str, str]]:
    """Return the rows of the table that shows the known spaces side by side.

    Returns:
        One row per property: its name under ``""``, and a text under the name of each space.
    """
    columns = {name: _describe(known_space(name)) for name in _KNOWN_SPACES}
    first = next(iter(columns.values()))
    return [
        {"": label, **{name: column[label] for name, column in columns.items()}} for label in first
    ]


def _describe(pair: SpacePair) -> dict[str, str]:
    stage_one, stage_two = pair.structural, pair.modular
    return {
        "stage 1: inputs": ", ".join(stage_one.inputs),
        "stage 1: backbones": ", ".join(stage_one.backbones),
        "stage 1: necks": f"{len(stage_one.necks)}: {_shorten(stage_one.necks)}",
        "stage 1: proposals and heads": ", ".join(
            "/".join(head.split("/")[:2]) for head in stage_one.heads
        ),
        "stage 1: structures": f"{stage_one.size:,}",
        "stage 2: base widths": ", ".join(map(str, stage_two.bases)),
        "stage 2: neck widths": ", ".join(map(str, stage_two.neck_widths)),
        "stage 2: blocks": f"{stage_two.min_blocks} to {stage_two.max_blocks}",
        "stage 2: doublings": str(stage_two.doublings),
        "stage 2: members around a structure": f"{stage_two.size:,}",
        "yardsticks": ", ".join(map(str, pair.yardsticks)),
    }


def _shorten(choices: tuple[str, ...], shown: int = 9) -> str:
    plain = [choice.split("/")[0] for choice in choices]
    return ", ".join(plain if len(plain) <= shown else [*plain[:shown], "..."])


def _misfit(size: tuple[int, int], area: int, aspect_ratio: float) -> float:
    """Return how far an input is from area and aspect, as logarithms; aspect counts double."""
    width, height = size
    return abs(log(width * height / area)) + 2 * abs(log(width / height / aspect_ratio))


def _micro(aspect_ratio: float) -> SpacePair:
    inputs = input_levels(aspect_ratio)
    classics = ("retinanet-r18-quarter", "faster-rcnn-r18-quarter", "cascade-rcnn-r18-quarter")
    yardsticks = tuple(
        DetectorArch.parse(name).replace(input=inputs[len(inputs) // 2], norm=_MICRO_NORM)
        for name in classics
    )
    return SpacePair(
        name="micro",
        structural=StructuralSpace(
            inputs=tuple(f"{size.width}x{size.height}" for size in inputs),
            backbones=_MICRO_BACKBONES,
            necks=_MICRO_NECKS,
            heads=_MICRO_HEADS,
            keys=(f"norm={_MICRO_NORM}",),
        ),
        modular=ModularSpace(
            bases=(8, 12, 16, 24, 32),
            neck_widths=(32, 48, 64, 96),
            min_blocks=4,
            max_blocks=14,
            norm=_MICRO_NORM,
        ),
        yardstick=yardsticks[0],
        more_yardsticks=yardsticks[1:],
    )


def _paper(aspect_ratio: float) -> SpacePair:
    del aspect_ratio  # The published sizes are kept, whatever the pictures.
    return SpacePair(
        name="paper",
        structural=StructuralSpace(
            inputs=("512x512", "800x600", "1080x720", "1333x800"),
            backbones=NAMED_BACKBONES,
            necks=paper_necks(),
            heads=_PAPER_HEADS,
        ),
        modular=ModularSpace(
            bases=(48, 56, 64, 72), neck_widths=(128, 256, 512), min_blocks=5, max_blocks=35
        ),
        yardstick=DetectorArch.parse("faster-rcnn-r50-fpn"),
        more_yardsticks=(
            DetectorArch.parse("retinanet-r50-fpn"),
            DetectorArch.parse("cascade-rcnn-r50-fpn"),
        ),
    )


_KNOWN_SPACES: dict[str, Callable[[float], SpacePair]] = {"micro": _micro, "paper": _paper}
