"""From a block to a module and what it is given, by the builders of the detector itself.

Weights are random, and what is given is noise: the times of convolutions do not depend on it. Where
boxes are picked it is shaped to be what an untrained network says, as candidates are timed.
"""

from collections.abc import Callable, Sequence
from math import log
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smnas.arch.parts import CascadeHead, CodedBackbone, RetinaHead
from smnas.detector.blocks import BLOCK_BUILDERS
from smnas.detector.boxes import clip_boxes, decode_boxes
from smnas.detector.coded_backbone import build_coded_backbone
from smnas.detector.contract import FeatureSpec
from smnas.detector.guided_rpn import build_guided_rpn
from smnas.detector.loss_settings import LossSettings
from smnas.detector.named_backbone import build_named_backbone
from smnas.detector.norms import (
    ConvNorm,
    fold_batch_norms,
    fold_weight_standards,
    make_conv,
    norm_outside_backbone,
)
from smnas.detector.rcnn_head import BoxPredictor, detect_from_rois
from smnas.detector.retina_head import RetinaHead as RetinaHeadModule
from smnas.detector.retina_head import build_retina_head
from smnas.detector.roi_align import RoiAlign
from smnas.detector.rpn import Rpn as RpnModule
from smnas.detector.rpn import build_rpn
from smnas.measure.blocks import parts

_LOGIT_STD = 0.1
_OFFSET_STD = 0.01
_STDS = (0.1, 0.1, 0.2, 0.2)
Shapes = tuple[tuple[int, ...], ...]
Built = tuple[nn.Module, Shapes]
"""A module in the form that ships, and the shapes of what it is given: standard normal noise."""


class Calling(nn.Module):
    """A function of tensors and, where it has some, modules, as a module."""

    def __init__(self, function: Callable[..., Any], *modules: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)
        self._function = function

    def forward(self, *given: Tensor) -> Any:
        """Return what the function makes of the modules and what is given."""
        return self._function(*self.parts, *given)


def build_block(block: parts.Block) -> Built:
    """Return a block as a module that is ready to be timed, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, shapes = _BUILDERS[type(block)](block)
    module.eval().requires_grad_(False)
    fold_batch_norms(module)
    fold_weight_standards(module)
    return module, shapes


class _Boxes(nn.Module):
    """Boxes spread over a picture, their sides in even steps of their logarithms.

    They follow from noise, so that nothing that is made of them can be computed before.
    """

    boxes_R4: Tensor

    def __init__(self, count: int, image: parts.Size) -> None:
        super().__init__()
        least, most = 16.0, float(min(image))
        side_R1 = least * (most / least) ** torch.rand(count, 1)
        corner_R2 = torch.rand(count, 2) * (torch.tensor([image[1], image[0]]) - side_R1)
        self.register_buffer("boxes_R4", torch.cat((corner_R2, corner_R2 + side_R1), dim=-1))

    def forward(self, noise_BR4: Tensor) -> Tensor:
        return self.boxes_R4 + 0.01 * noise_BR4


def _build_stem(block: parts.Stem) -> Built:
    arch = CodedBackbone(block="basicblock", base=block.base, code="1-1-1-1")
    return build_coded_backbone(arch, (1,), block.norm).stem, ((1, 3, *block.size),)


def _build_residual(block: parts.Residual) -> Built:
    build = BLOCK_BUILDERS[block.kind]
    module = build(block.channels, block.planes, block.stride, 2 * block.groups, block.norm)
    return module, ((1, block.channels, *block.size),)


def _build_body(block: parts.Body) -> Built:
    backbone = cast(Any, block.backbone)
    module = build_named_backbone(backbone, block.levels, block.norm, block.size)
    return module, ((1, 3, *block.size),)


def _build_conv(block: parts.Conv) -> Built:
    norm = norm_outside_backbone(block.norm)
    conv = ConvNorm(norm, make_conv(norm, block.channels, block.width, block.kernel, block.stride))
    module = nn.Sequential(nn.ReLU(), conv) if block.relu else conv
    return module, ((1, block.channels, *block.size),)


def _build_merge(block: parts.Merge) -> Built:
    norm = norm_outside_backbone(block.norm)
    conv = ConvNorm(norm, make_conv(norm, block.channels, block.width, 1))

    def merge(conv: nn.Module, finer: Tensor, coarser: Tensor) -> Tensor:
        return conv(finer) + F.interpolate(coarser, size=block.size, mode="nearest")

    shapes = (1, block.channels, *block.size), (1, block.width, *block.coarser)
    return Calling(merge, conv), shapes


def _build_pool(block: parts.Pool) -> Built:
    return nn.MaxPool2d(kernel_size=1, stride=2), ((1, block.width, *block.size),)


def _build_tower(block: parts.Tower) -> Built:
    arch = RetinaHead(convs=block.convs)
    specs = (FeatureSpec(block.width, 4),)
    head = build_retina_head(arch, specs, 1, block.norm, LossSettings().retina)
    head.class_tower.last = make_conv(None, block.width, block.outputs, 3)
    tower = Calling(lambda tower, level: tower([level]), head.class_tower)
    return tower, ((1, block.width, *block.size),)


def _build_rpn_level(block: parts.RpnLevel) -> Built:
    norm, width = norm_outside_backbone(block.norm), block.width
    trunk = ConvNorm(norm, make_conv(norm, width, width, 3), nn.ReLU(inplace=True))
    outputs = (make_conv(None, width, count, 1) for count in (block.shapes, 4 * block.shapes))

    def look(trunk: nn.Module, one: nn.Module, other: nn.Module, level: Tensor) -> Any:
        seen = trunk(level)
        return one(seen), other(seen)

    return Calling(look, trunk, *outputs), ((1, width, *block.size),)


class _Said(nn.Module):
    """Takes some channels of each level for what convolutions say; stands in their place."""

    has_norm = True

    def __init__(self, first: int, count: int, mean: float, std: float) -> None:
        super().__init__()
        self._channels, self._mean, self._std = slice(first, first + count), mean, std

    def forward(self, maps: Tensor | Sequence[Tensor]) -> Any:
        if isinstance(maps, Tensor):
            return maps[:, self._channels] * self._std + self._mean
        return [self(level) for level in maps]

    def over_levels(self, maps: Sequence[Tensor]) -> Sequence[Tensor]:
        return maps


def _build_dense(block: parts.Dense) -> Built:
    shapes, classes, losses = block.head.anchors.per_position, block.classes, LossSettings()
    ones, prior = shapes * classes, -log(99.0) if isinstance(block.head, RetinaHead) else 0.0
    logits, offsets = _Said(0, ones, prior, _LOGIT_STD), _Said(ones, 4 * shapes, 0.0, _OFFSET_STD)
    specs = tuple(FeatureSpec(8, stride) for stride in block.strides)
    if isinstance(block.head, RetinaHead):
        head = build_retina_head(block.head, specs, 1, "bn", losses.retina)
        head.class_tower, head.box_tower = cast(Any, logits), cast(Any, offsets)
    else:
        head = build_rpn(block.head, specs, "bn", losses.rpn)
        head.trunk, head.objectness, head.offsets = cast(Any, (logits, logits, offsets))

    def pick(head: RetinaHeadModule | RpnModule, *levels: Tensor) -> Any:
        if isinstance(head, RetinaHeadModule):
            found = head.detect(levels, block.image)
        else:
            found = head.propose(head(levels), block.image)
        return found.boxes_BD4, found.scores_BD, found.labels_BD, found.valid_BD

    return Calling(pick, head), tuple((1, ones + 4 * shapes, *size) for size in block.sizes)


def _build_guided(block: parts.Guided) -> Built:
    specs = tuple(FeatureSpec(block.width, stride) for stride in block.strides)
    rpn = build_guided_rpn(block.rpn, specs, block.norm, LossSettings().guided_rpn)

    def propose(rpn: Any, *levels: Tensor) -> Any:
        found = rpn.propose(rpn(levels), block.image)
        return found.boxes_BD4, found.scores_BD, found.valid_BD

    return Calling(propose, rpn), tuple((1, block.width, *size) for size in block.sizes)


def _build_align(block: parts.Align) -> Built:
    align = RoiAlign(block.cells, block.levels, block.strides, block.aligned)

    def cut(align: nn.Module, near: nn.Module, noise: Tensor, *maps: Tensor) -> Tensor:
        boxes = near(noise)
        return align(list(maps), boxes, boxes[..., 2] > 0)

    maps = tuple((1, block.width, *size) for size in block.sizes)
    return Calling(cut, align, _Boxes(block.rois, block.image)), ((1, block.rois, 4), *maps)


def _build_predictor(block: parts.Predictor) -> Built:
    predictor = BoxPredictor(block.features, block.fc, block.classes, block.boxes)

    features = (1, block.rois, block.features)
    image = block.image
    if image is None:
        return Calling(lambda predictor, given: predictor(given), predictor), (features,)

    def refine(predictor: nn.Module, near: nn.Module, given: Tensor, noise: Tensor) -> Any:
        logits, offsets = predictor(given)
        return logits, clip_boxes(decode_boxes(offsets[:, :, 0], near(noise), _STDS), *image)

    near = _Boxes(block.rois, image)
    return Calling(refine, predictor, near), (features, (1, block.rois, 4))


def _build_detections(block: parts.Detections) -> Built:
    cascade = isinstance(block.head, CascadeHead)
    boxes = 1 if cascade else block.classes + 1

    def detect(near: nn.Module, logits: Tensor, offsets: Tensor, noise: Tensor) -> Any:
        scores = (logits * _LOGIT_STD).softmax(dim=-1)[..., :-1]
        apart = (offsets * _OFFSET_STD).unflatten(-1, (boxes, 4))
        found = detect_from_rois(block.head, near(noise), scores, apart, _STDS, block.image)
        return found.boxes_BD4, found.scores_BD, found.labels_BD, found.valid_BD

    rois, near = block.rois, _Boxes(block.rois, block.image)
    return Calling(detect, near), ((1, rois, block.classes + 1), (1, rois, boxes * 4), (1, rois, 4))


_BUILDERS: dict[type[parts.Block], Callable[[Any], Built]] = {
    parts.Stem: _build_stem,
    parts.Residual: _build_residual,
    parts.Body: _build_body,
    parts.Conv: _build_conv,
    parts.Merge: _build_merge,
    parts.Pool: _build_pool,
    parts.Tower: _build_tower,
    parts.RpnLevel: _build_rpn_level,
    parts.Dense: _build_dense,
    parts.Guided: _build_guided,
    parts.Align: _build_align,
    parts.Predictor: _build_predictor,
    parts.Detections: _build_detections,
}
"""All but ``Fitting``, which is no module."""
