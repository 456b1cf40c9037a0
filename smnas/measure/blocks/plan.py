"""Which blocks a detector consists of."""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import torch

from smnas.arch import DetectorArch
from smnas.arch.backbone_code import plan_groups
from smnas.arch.parts import (
    Backbone,
    CascadeHead,
    CodedBackbone,
    FpnNeck,
    GuidedAnchoringRpn,
    Head,
    Neck,
    NoProposals,
    Norm,
    Proposals,
    RetinaHead,
)
from smnas.detector.blocks import EXPANSION
from smnas.detector.named_backbone import build_named_backbone
from smnas.measure.blocks.parts import (
    Align,
    Block,
    Body,
    Conv,
    Dense,
    Detections,
    Fitting,
    Guided,
    Merge,
    Pool,
    Predictor,
    Residual,
    RpnLevel,
    Size,
    Stem,
    Tower,
)


def plan_blocks(arch: DetectorArch, num_classes: int, picture: Size) -> tuple[Block, ...]:
    """Return all blocks of a detector; one that is met twice is there twice.

    Args:
        arch: What is taken apart, as it is given: hand in ``arch.deployed`` for what ships.
        num_classes: K, the data's categories.
        picture: Rows and columns of the pictures that are fitted into its input.

    Raises:
        ArchError: A backbone by name that cannot feed this neck, or takes no pictures of this size.
    """
    levels = arch.neck.lateral_levels
    image, norm = arch.input.padded, arch.norm
    backbone, channels = plan_backbone(arch.backbone, levels, norm, image)
    neck, width, sizes = plan_neck(arch.neck, channels, norm, image)
    head = plan_head(arch.neck, arch.proposals, arch.head, num_classes, width, sizes, norm, image)
    return (Fitting(picture, arch.input), *backbone, *neck, *head)


def plan_backbone(
    backbone: Backbone, levels: tuple[int, ...], norm: Norm, image: Size
) -> tuple[tuple[Block, ...], tuple[int, ...]]:
    """Return the blocks of a backbone up to the last of ``levels``, and the channels of these."""
    if not isinstance(backbone, CodedBackbone):
        body = Body(backbone, levels, norm, image)
        return (body,), _channels_of(body)
    blocks: list[Block] = [Stem(backbone.base, norm, image)]
    channels, ends, size = backbone.base, list[int](), _map_size(image, 1)
    groups = backbone.base // 2 if backbone.block == "xbottleneck" else 1
    for group in plan_groups(backbone.code, backbone.base)[: levels[-1]]:
        for plan in group:
            blocks.append(
                Residual(backbone.block, channels, plan.planes, plan.stride, groups, norm, size)
            )
            channels = plan.planes * EXPANSION[backbone.block]
            size = _halve(size) if plan.stride == 2 else size
        ends.append(channels)
    return tuple(blocks), tuple(ends[level - 1] for level in levels)


def plan_neck(
    neck: Neck, channels: Sequence[int], norm: Norm, image: Size
) -> tuple[tuple[Block, ...], int, tuple[Size, ...]]:
    """Return the blocks of a neck, its width, and the sizes of its levels, finest first."""
    sizes = [_map_size(image, level) for level in neck.lateral_levels]
    if not isinstance(neck, FpnNeck):
        return (), channels[-1], tuple(sizes)
    width, blocks = neck.width, list[Block]()
    for place, (size, of) in enumerate(zip(sizes, channels, strict=True)):
        if place + 1 < len(sizes):
            blocks.append(Merge(of, width, norm, size, sizes[place + 1]))
        else:
            blocks.append(Conv(of, width, 1, 1, norm, size))
        blocks.append(Conv(width, width, 3, 1, norm, size))
    for place in range(len(neck.levels) - len(sizes)):
        if neck.extra == "pool":
            blocks.append(Pool(width, sizes[-1]))
        else:
            on_map = neck.extra == "conv-in" and place == 0
            relu = neck.extra == "conv" and place > 0
            source = channels[-1] if on_map else width
            blocks.append(Conv(source, width, 3, 2, norm, sizes[-1], relu))
        sizes.append(_halve(sizes[-1]))
    return tuple(blocks), width, tuple(sizes)


def plan_head(
    neck: Neck,
    proposals: Proposals,
    head: Head,
    classes: int,
    width: int,
    sizes: tuple[Size, ...],
    norm: Norm,
    image: Size,
) -> tuple[Block, ...]:
    """Return the blocks of the head over levels of these sizes, ``width`` channels each."""
    strides = tuple(2 ** (level + 1) for level in neck.levels)
    if isinstance(head, RetinaHead):
        shapes = head.anchors.per_position
        return (
            *(Tower(head.convs, width, shapes * classes, norm, size) for size in sizes),
            *(Tower(head.convs, width, shapes * 4, norm, size) for size in sizes),
            Dense(head, classes, sizes, strides, image),
        )
    if isinstance(proposals, NoProposals):  # which no arch allows
        return ()
    if isinstance(proposals, GuidedAnchoringRpn):
        rpn: tuple[Block, ...] = (Guided(proposals, width, norm, sizes, strides, image),)
    else:
        shapes = proposals.anchors.per_position
        convs = (RpnLevel(width, shapes, norm, size) for size in sizes)
        rpn = (*convs, Dense(proposals, 1, sizes, strides, image))
    levels, rois = neck.lateral_levels, proposals.kept
    count = len(levels)
    align = Align(
        width, rois, head.roi, head.roi_aligned, levels, sizes[:count], strides[:count], image
    )
    stages = head.stages if isinstance(head, CascadeHead) else 1
    boxes = 1 if isinstance(head, CascadeHead) else classes + 1
    features = width * head.roi**2
    refining = Predictor(features, head.fc, classes, boxes, rois, image)
    last = Predictor(features, head.fc, classes, boxes, rois, None)
    looks = (*(align, refining) * (stages - 1), align, last)
    return (*rpn, *looks, Detections(head, classes, rois, image))


@cache
def _channels_of(body: Body) -> tuple[int, ...]:
    with torch.device("meta"):  # nothing is computed
        backbone = cast(Any, body.backbone)
        specs = build_named_backbone(backbone, body.levels, body.norm, body.size).specs
    return tuple(specs[level].channels for level in body.levels)


def _map_size(image: Size, level: int) -> Size:
    stride = 2 ** (level + 1)
    return image[0] // stride, image[1] // stride


def _halve(size: Size) -> Size:
    return -(-size[0] // 2), -(-size[1] // 2)
