"""From an arch to a network: the literal table of which value becomes which module."""

import torch
from torch import nn

from smnas.arch import DetectorArch
from smnas.arch.parts import (
    CascadeHead,
    CodedBackbone,
    FpnNeck,
    GuidedAnchoringRpn,
    NoProposals,
    RcnnHead,
    RetinaHead,
    Rpn,
)
from smnas.detector.cascade_head import CascadeHead as CascadeHeadModule
from smnas.detector.coded_backbone import CodedBackbone as CodedBackboneModule
from smnas.detector.coded_backbone import build_coded_backbone
from smnas.detector.contract import FeatureSpec
from smnas.detector.detector import Detector, Head
from smnas.detector.fpn import build_fpn
from smnas.detector.guided_rpn import build_guided_rpn
from smnas.detector.loss_settings import LossSettings
from smnas.detector.named_backbone import NamedBackbone as NamedBackboneModule
from smnas.detector.named_backbone import build_named_backbone
from smnas.detector.rcnn_head import BoxPredictor
from smnas.detector.rcnn_head import RcnnHead as RcnnHeadModule
from smnas.detector.retina_head import build_retina_head
from smnas.detector.roi_align import RoiAlign
from smnas.detector.rpn import build_rpn
from smnas.detector.two_stage import RoiHead, TwoStageHead
from smnas.errors import ArchError, ConfigError


def build_detector(
    arch: DetectorArch,
    num_classes: int,
    losses: LossSettings | None = None,
    seed: int | None = None,
) -> Detector:
    """Return the network that ``arch`` describes, with fresh weights, on the CPU, in training mode.

    Args:
        arch: What to build.
        num_classes: K, the data's categories.
        losses: How it learns; the published settings where none are given.
        seed: Of the initial weights and of the sampling in its losses; None: another each time.

    Raises:
        ConfigError: ``num_classes`` is below 1.
        ArchError: A backbone by name that cannot feed this neck.
    """
    if num_classes < 1:
        raise ConfigError(f"num_classes: expected 1 or more; got {num_classes}")
    settings = losses or LossSettings()
    # The caller's random state stays as it is.
    with torch.random.fork_rng(devices=[]):
        seed = torch.seed() if seed is None else seed
        torch.manual_seed(seed)
        backbone = _build_backbone(arch)
        inputs = tuple(backbone.specs.values())
        neck, specs = _build_neck(arch, inputs)
        head = _build_head(arch, num_classes, specs, settings)
    detector = Detector(arch, num_classes, backbone, neck, head)
    detector.seed_sampling(seed)
    return detector


def _build_backbone(arch: DetectorArch) -> CodedBackboneModule | NamedBackboneModule:
    levels = arch.neck.lateral_levels
    if isinstance(arch.backbone, CodedBackbone):
        return build_coded_backbone(arch.backbone, levels, arch.norm)
    return build_named_backbone(arch.backbone, levels, arch.norm, arch.input.padded)


def _build_neck(
    arch: DetectorArch, inputs: tuple[FeatureSpec, ...]
) -> tuple[nn.Module, tuple[FeatureSpec, ...]]:
    if not isinstance(arch.neck, FpnNeck):
        return nn.Identity(), inputs
    fpn = build_fpn(arch.neck, inputs, arch.norm)
    return fpn, fpn.specs


def _build_head(
    arch: DetectorArch, num_classes: int, specs: tuple[FeatureSpec, ...], settings: LossSettings
) -> Head:
    head, proposals = arch.head, arch.proposals
    if isinstance(head, RetinaHead):
        return build_retina_head(head, specs, num_classes, arch.norm, settings.retina)
    if isinstance(proposals, NoProposals):
        raise ArchError(f"head {head.kind!r} needs proposals; use 'rpn' or 'ga-rpn'")
    if isinstance(proposals, Rpn):
        rpn = build_rpn(proposals, specs, arch.norm, settings.rpn)
    else:
        rpn = build_guided_rpn(proposals, specs, arch.norm, settings.guided_rpn)
    levels = len(arch.roi_levels)
    return TwoStageHead(
        rpn, _build_roi_head(arch, head, num_classes, specs[:levels], settings), levels
    )


def _build_roi_head(
    arch: DetectorArch,
    head: RcnnHead | CascadeHead,
    num_classes: int,
    specs: tuple[FeatureSpec, ...],
    settings: LossSettings,
) -> RoiHead:
    strides = [spec.stride for spec in specs]
    roi_align = RoiAlign(head.roi, arch.roi_levels, strides, head.roi_aligned)
    features = specs[0].channels * head.roi**2
    if isinstance(head, RcnnHead):
        predictor = BoxPredictor(features, head.fc, num_classes, box_classes=num_classes + 1)
        guided = isinstance(arch.proposals, GuidedAnchoringRpn)
        rcnn = settings.guided_rcnn if guided else settings.rcnn
        return RcnnHeadModule(head, roi_align, predictor, num_classes, rcnn)
    predictors = [
        BoxPredictor(features, head.fc, num_classes, box_classes=1) for _ in range(head.stages)
    ]
    return CascadeHeadModule(head, roi_align, predictors, num_classes, settings.cascade)
