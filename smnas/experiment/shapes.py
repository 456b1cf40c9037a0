"""The spaces of a search, shaped after its pictures: inputs, and anchors when asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from smnas.arch import DetectorArch
from smnas.arch.keys import KEYS
from smnas.arch.parts import Anchors, RetinaHead, Rpn
from smnas.data.anchor_shapes import Sides, fit_anchors, sides_at_inputs
from smnas.data.splits import Splits
from smnas.data.summary import inputs_aspect_ratio
from smnas.errors import ConfigError, describe_validation_error
from smnas.experiment.defaults import SPACE_DEFAULTS
from smnas.space.known import known_space, load_space
from smnas.space.pair import SpacePair

AnchorChoice = Literal["published", "data"]


def load_spaces(
    name: str,
    splits: Splits,
    inputs: Sequence[str] | None = None,
    anchors: AnchorChoice = "published",
) -> SpacePair:
    """Return the spaces called ``name``, or those in the file ``name``, as the pictures want them.

    Args:
        name: Of a known space, or path of a space file.
        splits: Whose training pictures the inputs follow, unless a file or the user names inputs.
        inputs: Those of the user, as ``320x240``; the yardstick takes the middle one.
        anchors: ``data`` fits scale and ratios of the candidates' anchors to the training boxes.

    Raises:
        ConfigError: No known space, or a file or inputs that make none.
        MissingFileError: No such file.
    """
    if name in SPACE_DEFAULTS or not name.endswith(".json"):
        pair = known_space(name, inputs_aspect_ratio(splits.train))
    else:
        pair = load_space(Path(name))
    if inputs is not None:
        pair = _with_inputs(pair, tuple(inputs))
    return _with_anchors(pair, splits) if anchors == "data" else pair


def _with_inputs(pair: SpacePair, inputs: tuple[str, ...]) -> SpacePair:
    plain = pair.model_dump(mode="json")
    plain["structural"]["inputs"] = inputs
    try:
        changed = SpacePair.model_validate(plain)
    except ValidationError as error:
        raise ConfigError(describe_validation_error("inputs", error, SpacePair)) from None
    sizes = sorted(changed.structural.input_sizes, key=lambda size: size.width * size.height)
    yardstick = changed.yardstick.replace(input=sizes[len(sizes) // 2])
    return changed.model_copy(update={"yardstick": yardstick})


def _with_anchors(pair: SpacePair, splits: Splits) -> SpacePair:
    structural = pair.structural
    sides = sides_at_inputs(splits.train, structural.input_sizes)
    pyramids = [
        [2 ** (level + 1) for level in neck.levels]
        for neck in structural.neck_parts
        if neck.kind == "fpn"
    ] or [[16]]
    heads = tuple(_fit_head(head, sides, pyramids) for head in structural.heads)
    plain = pair.model_dump(mode="json")
    plain["structural"]["heads"] = heads
    return SpacePair.model_validate(plain)


def _fit_head(text: str, sides: Sequence[Sides], pyramids: Sequence[Sequence[int]]) -> str:
    """Return a choice of proposals and head with anchors that suit; guided ones shape their own."""
    arch = DetectorArch.parse(f"64x64/resnet18/fpn-p2-p5-64/{text}")
    if isinstance(arch.head, RetinaHead):
        prefix, anchors = "anchor", arch.head.anchors
    elif isinstance(arch.proposals, Rpn):
        prefix, anchors = "rpn-anchor", arch.proposals.anchors
    else:
        return text
    return _set_keys(text, prefix, fit_anchors(anchors, sides, pyramids))


def _set_keys(text: str, prefix: str, anchors: Anchors) -> str:
    proposals, head, *rest = text.split("/")
    keys: dict[str, str] = {key: value for key, _, value in (item.partition("=") for item in rest)}
    values: dict[str, Any] = {f"{prefix}-scale": anchors.scale, f"{prefix}-ratios": anchors.ratios}
    keys |= {name: KEYS[name].write(value) for name, value in values.items()}
    return "/".join((proposals, head, *(f"{name}={keys[name]}" for name in sorted(keys))))
