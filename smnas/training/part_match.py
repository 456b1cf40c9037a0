"""Which tensors of one arch stand for which of another: by stage, block, level and name.

Blocks of a backbone are matched within their stage (after Fast Neural Network Adaptation, Fang et
al. 2020): the first with the first, since it changes the resolution, the others in order so that as
many as possible keep their kind (same width, or twice as wide). Only backbones of one block kind
have blocks in common; two codes of different kinds share the stem. Layers of the neck are matched
by level, those of proposals and heads by name where these are of one kind.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from torch import Tensor

from smnas.arch import DetectorArch
from smnas.arch.parts import Backbone, CodedBackbone, FpnNeck, TimmBackbone

_BLOCK = re.compile(r"(backbone\.(?:groups\.|body\.layer)(\d+))\.(\d+)\.(.+)")
"""Stage, its number, the block's number, and the tensor: ours, and those of timm's ResNets."""
_NECK = re.compile(r"neck\.(laterals|outputs)\.(\d+)\.(.+)")
_RESNETS = {
    "resnet18": "resnet-basicblock",
    "resnet34": "resnet-basicblock",
    "resnet50": "resnet-bottleneck",
    "resnet101": "resnet-bottleneck",
    "resnext50": "resnet-xbottleneck",
    "resnext101": "resnet-xbottleneck",
}


@dataclass(frozen=True)
class MatchedParts:
    """Tensors of another arch under the names that they have in ours.

    Attributes:
        tensors: In their own shapes.
        new_blocks: Names of our blocks that have no counterpart in a stage which both have.
    """

    tensors: dict[str, Tensor]
    new_blocks: tuple[str, ...]


def match_parts(
    tensors: Mapping[str, Tensor],
    theirs: DetectorArch,
    ours: DetectorArch,
    our_names: Collection[str],
) -> MatchedParts:
    """Return the tensors of ``theirs`` that have a counterpart in ``ours``, under its name.

    Args:
        tensors: All tensors of a detector of ``theirs``.
        theirs: What they were trained in.
        ours: What is to be filled.
        our_names: Names of its tensors.
    """
    places: dict[str, str] | None = None
    new_blocks: tuple[str, ...] = ()
    if _family(theirs.backbone) == _family(ours.backbone):
        places, new_blocks = _match_blocks(tensors, theirs, ours, our_names)
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith("backbone."):
            renamed = _rename_in_backbone(name, theirs, ours, places)
        elif name.startswith("neck."):
            renamed = _rename_in_neck(name, theirs, ours)
        else:
            renamed = name if _same_in_head(name, theirs, ours) else None
        if renamed in our_names:
            found[str(renamed)] = tensor
    return MatchedParts(found, new_blocks)


def align_blocks(theirs: str, ours: str) -> list[int | None]:
    """Return for each block of our stage the place of its counterpart in theirs; None: it is new.

    Args:
        theirs: The stage as a group of the code, such as ``12``.
        ours: The same.

    >>> align_blocks("12", "1112")
    [0, None, None, 1]
    """
    found: list[int | None] = [None] * len(ours)
    found[0] = 0
    matcher = SequenceMatcher(None, theirs[1:], ours[1:], autojunk=False)
    for _, their_start, their_end, our_start, our_end in matcher.get_opcodes():
        pairs = zip(range(our_start, our_end), range(their_start, their_end), strict=False)
        for our_place, their_place in pairs:
            found[1 + our_place] = 1 + their_place
    return found


def _match_blocks(
    tensors: Mapping[str, Tensor],
    theirs: DetectorArch,
    ours: DetectorArch,
    our_names: Collection[str],
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return their blocks' names to ours, and our new blocks."""
    their_stages = _stages(theirs.backbone, tensors)
    places: dict[str, str] = {}
    new: list[str] = []
    for stage, code in _stages(ours.backbone, our_names).items():
        if stage not in their_stages:
            continue
        for place, counterpart in enumerate(align_blocks(their_stages[stage], code)):
            if counterpart is None:
                new.append(f"{stage}.{place}")
            else:
                places[f"{stage}.{counterpart}"] = f"{stage}.{place}"
    return places, tuple(new)


def _stages(backbone: Backbone, names: Collection[str]) -> dict[str, str]:
    """Return the stages that are built, each as a group of the code."""
    counts: dict[str, int] = {}
    codes: dict[str, str] = {}
    for name in names:
        match = _BLOCK.fullmatch(name)
        if match:
            stage = match[1]
            counts[stage] = max(counts.get(stage, 0), int(match[3]) + 1)
            if isinstance(backbone, CodedBackbone):
                codes[stage] = backbone.code.split("-")[int(match[2])]
    return {stage: codes.get(stage, "1" * count) for stage, count in counts.items()}


def _family(backbone: Backbone) -> str:
    if isinstance(backbone, CodedBackbone):
        return backbone.block
    if isinstance(backbone, TimmBackbone):
        return f"timm:{backbone.name.partition('.')[0]}"
    return _RESNETS.get(backbone.name, backbone.name)


def _rename_in_backbone(
    name: str, theirs: DetectorArch, ours: DetectorArch, places: Mapping[str, str] | None
) -> str | None:
    if places is None:
        coded = isinstance(theirs.backbone, CodedBackbone) and isinstance(
            ours.backbone, CodedBackbone
        )
        return name if coded and name.startswith("backbone.stem.") else None
    match = _BLOCK.fullmatch(name)
    if match is None:
        return name
    block = places.get(f"{match[1]}.{match[3]}")
    return None if block is None else f"{block}.{match[4]}"


def _rename_in_neck(name: str, theirs: DetectorArch, ours: DetectorArch) -> str | None:
    if not isinstance(theirs.neck, FpnNeck) or not isinstance(ours.neck, FpnNeck):
        return None
    match = _NECK.fullmatch(name)
    if match is None:  # the extra levels, which are made from the level below
        same = theirs.neck.extra == ours.neck.extra and theirs.neck.inputs[1] == ours.neck.inputs[1]
        return name if same else None
    place = int(match[2]) + theirs.neck.first - ours.neck.first
    return f"neck.{match[1]}.{place}.{match[3]}"


def _same_in_head(name: str, theirs: DetectorArch, ours: DetectorArch) -> bool:
    if theirs.neck.kind != ours.neck.kind:
        return False  # what the head reads is another thing
    if name.startswith("head.rpn."):
        return theirs.proposals.kind == ours.proposals.kind
    if theirs.head.kind != ours.head.kind:
        return False
    cells = getattr(theirs.head, "roi", None) == getattr(ours.head, "roi", None)
    return cells or not name.endswith(".first.weight")
