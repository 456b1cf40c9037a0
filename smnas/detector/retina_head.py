"""RetinaNet's one-stage head (Lin et al. 2017, "Focal Loss"; paper.md 6.4)."""

from collections.abc import Sequence
from math import log
from typing import cast

import torch
from torch import Tensor, nn

from smnas.arch.parts import Norm
from smnas.arch.parts import RetinaHead as RetinaHeadArch
from smnas.detector.anchors import AnchorGrid, make_anchor_grid
from smnas.detector.batch_part import BatchPart
from smnas.detector.boxes import clip_boxes, decode_boxes, encode_boxes
from smnas.detector.contract import Detections, FeatureSpec, Targets
from smnas.detector.dense_outputs import DenseOutputs, join_maps, top_anchors
from smnas.detector.loss_settings import RetinaLosses
from smnas.detector.losses import focal_sum, smooth_l1_sum
from smnas.detector.matching import match
from smnas.detector.norms import ConvNorm, make_conv, norm_outside_backbone
from smnas.detector.postprocess import keep_best
from smnas.detector.sites import plan_sites

_PRIOR = 0.01
"""Score that every anchor starts with, so that the many negatives do not swamp the first steps."""
_OUTPUT_STD = 0.01
_MOST_SITES = 0.4
"""Share of all positions up to which computing them alone pays."""


class Tower(nn.Module):
    """Convolutions that all levels share."""

    def __init__(self, layers: Sequence[ConvNorm], last: nn.Conv2d) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.last = last
        self._convs = (
            None
            if any(layer.has_norm for layer in layers)
            else (*(layer.conv for layer in layers), last)
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs of all levels."""
        for layer in self.layers:
            maps = cast(ConvNorm, layer).over_levels(maps)
        return [self.last(level) for level in maps]

    def at(self, maps: Sequence[Tensor], picture_N: Tensor, position_N: Tensor) -> Tensor:
        """Return the outputs at some positions, (N, outputs).

        Without norms, and where they are few, they are computed alone: a third of what a tower over
        all positions takes.

        Args:
            maps: The maps of all levels, finest first.
            picture_N: int64: which picture.
            position_N: int64: which position, along P.
        """
        if self._convs is not None and maps[0].device.type == "cpu":
            sites = plan_sites(maps, picture_N, position_N, len(self._convs))
            if sites.share <= _MOST_SITES:
                return sites.convolve(self._convs, maps)
        everywhere_BXP = torch.cat([level.flatten(2) for level in self(maps)], dim=-1)
        return everywhere_BXP[picture_N, :, position_N]


class RetinaHead(nn.Module):
    """Two towers of convolutions, shared by all levels, over every anchor."""

    def __init__(
        self,
        arch: RetinaHeadArch,
        class_tower: Tower,
        box_tower: Tower,
        strides: Sequence[int],
        settings: RetinaLosses,
    ) -> None:
        """Take built parts.

        Args:
            arch: Anchors, thresholds and counts.
            class_tower: The maps of all levels to logits (B, S * K, H, W).
            box_tower: The maps of all levels to offsets (B, S * 4, H, W).
            strides: Pixels per position of each level.
            settings: How it learns.
        """
        super().__init__()
        self.arch = arch
        self.class_tower = class_tower
        self.box_tower = box_tower
        self.strides = tuple(strides)
        self.settings = settings

    def forward(self, maps: Sequence[Tensor]) -> DenseOutputs:
        """Return logits and offsets of all anchors."""
        shapes = self.arch.anchors.per_position
        return DenseOutputs(
            join_maps(self.class_tower(maps), shapes),
            join_maps(self.box_tower(maps), shapes),
            self._make_grid(maps),
        )

    def _make_grid(self, maps: Sequence[Tensor]) -> AnchorGrid:
        shapes = [(level.shape[-2], level.shape[-1]) for level in maps]
        return make_anchor_grid(self.arch.anchors, self.strides, shapes, maps[0].device)

    def losses(
        self,
        maps: Sequence[Tensor],
        image_size: tuple[int, int],
        targets: Targets,
        part: BatchPart,
    ) -> dict[str, Tensor]:
        """Return ``classification`` and ``boxes``, both per positive anchor of the batch."""
        grid, shapes = self._make_grid(maps), self.arch.anchors.per_position
        logits_BSKP = join_maps(self.class_tower(maps), shapes)
        matching = match(grid, targets, self.settings.match)
        picture_N, anchor_N = matching.positive_BA.nonzero(as_tuple=True)
        object_N = matching.object_BA[picture_N, anchor_N]
        shape_N, position_N = grid.split(anchor_N)
        per_positive = part.weigh(len(anchor_N), anchor_N.device)
        counts_BA = matching.positive_BA | matching.negative_BA
        classification = focal_sum(
            logits_BSKP,
            (picture_N, shape_N, targets.labels_BG[picture_N, object_N], position_N),
            counts_BA.unflatten(1, (shapes, -1)),
            self.settings.focal_alpha,
            self.settings.focal_gamma,
        )
        wanted_N4 = encode_boxes(targets.boxes_BG4[picture_N, object_N], grid.boxes_A4[anchor_N])
        offsets_NS4 = self.box_tower.at(maps, picture_N, position_N).unflatten(1, (shapes, 4))
        offsets_N4 = offsets_NS4.gather(1, shape_N[:, None, None].expand(-1, 1, 4)).squeeze(1)
        boxes = smooth_l1_sum(offsets_N4, wanted_N4, self.settings.box_beta)
        return {
            "classification": classification * (self.settings.class_weight * per_positive),
            "boxes": boxes * (self.settings.box_weight * per_positive),
        }

    def detect(self, maps: Sequence[Tensor], image_size: tuple[int, int]) -> Detections:
        """Return the detections of a batch, for pictures of ``image_size`` (height, width)."""
        outputs: DenseOutputs = self(maps)
        top = top_anchors(outputs, self.arch.pre_nms)
        boxes_BN4 = decode_boxes(
            outputs.offsets_at(top.anchor_BN), outputs.grid.boxes_A4[top.anchor_BN]
        )
        return keep_best(
            clip_boxes(boxes_BN4, *image_size),
            top.logits_BN.sigmoid(),
            top.label_BN,
            min_score=self.arch.score,
            max_iou=self.arch.nms,
            count=self.arch.detections,
            min_side=self.arch.min_side,
        )


def build_retina_head(
    arch: RetinaHeadArch,
    inputs: Sequence[FeatureSpec],
    num_classes: int,
    norm: Norm,
    settings: RetinaLosses,
) -> RetinaHead:
    """Return the head over all levels of a pyramid; its towers are as wide as the pyramid.

    The towers start with He's weights rather than the paper's deviation of 0.01, which suits its
    width of 256 but lets the signal die out in narrow ones; the last layers start as in the paper.
    """
    shapes = arch.anchors.per_position
    class_tower = _build_tower(arch.convs, inputs[0].channels, shapes * num_classes, norm)
    box_tower = _build_tower(arch.convs, inputs[0].channels, shapes * 4, norm)
    prior_logit = -log((1 - _PRIOR) / _PRIOR)
    nn.init.constant_(class_tower.last.get_parameter("bias"), prior_logit)
    strides = [spec.stride for spec in inputs]
    return RetinaHead(arch, class_tower, box_tower, strides, settings)


def _build_tower(convs: int, width: int, outputs: int, norm: Norm) -> Tower:
    behind = norm_outside_backbone(norm)
    layers: list[ConvNorm] = []
    for _ in range(convs):
        conv = make_conv(behind, width, width, 3)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        layers.append(ConvNorm(behind, conv, nn.ReLU(inplace=True)))
    last = make_conv(None, width, outputs, 3)
    nn.init.normal_(last.weight, std=_OUTPUT_STD)
    nn.init.zeros_(last.get_parameter("bias"))
    return Tower(layers, last)
