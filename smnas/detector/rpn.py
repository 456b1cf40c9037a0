"""Region proposal network (Ren et al. 2015, "Faster R-CNN"; paper.md 6.2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smnas.arch.parts import BoxStds, GuidedAnchoringRpn, Norm
from smnas.arch.parts import Rpn as RpnArch
from smnas.detector.anchors import make_anchor_grid
from smnas.detector.batch_part import BatchPart
from smnas.detector.boxes import UNIT_STDS, clip_boxes, decode_boxes, encode_boxes
from smnas.detector.contract import Detections, FeatureSpec, Targets
from smnas.detector.dense_outputs import DenseOutputs, TopAnchors, join_levels, top_anchors
from smnas.detector.gradients import gradients_if, without_gradients
from smnas.detector.loss_settings import RpnLosses
from smnas.detector.losses import smooth_l1_sum
from smnas.detector.matching import Matching, match
from smnas.detector.norms import ConvNorm, make_conv, norm_outside_backbone
from smnas.detector.postprocess import keep_best
from smnas.detector.sampling import sample
from smnas.detector.sites import plan_sites

OUTPUT_STD = 0.01
"""Deviation of the initial weights of the last layers."""


@dataclass(frozen=True)
class RpnOutputs:
    """What the network says about every anchor."""

    dense: DenseOutputs
    maps: Sequence[Tensor]
    """What it was computed from."""


class Rpn(nn.Module):
    """A convolution, shared by all levels, then objectness and offsets of every anchor.

    The loss sees a few hundred anchors of each picture out of tens of thousands, and without a norm
    each of them depends on a 3x3 patch of the maps alone. So in training everything is computed
    once without gradients, for the proposals, and the sampled anchors once more with: the same
    losses and gradients for a third of the arithmetic.
    """

    def __init__(
        self,
        arch: RpnArch,
        trunk: ConvNorm,
        objectness: nn.Conv2d,
        offsets: nn.Conv2d,
        strides: Sequence[int],
        settings: RpnLosses,
    ) -> None:
        """Take built parts.

        Args:
            arch: Anchors, thresholds and counts.
            trunk: Maps to maps of the same shape, for all levels.
            objectness: Trunk to logits (B, S, H, W).
            offsets: Trunk to offsets (B, S * 4, H, W).
            strides: Pixels per position of each level.
            settings: How it learns.
        """
        super().__init__()
        self.arch = arch
        self.trunk = trunk
        self.objectness = objectness
        self.offsets = offsets
        self.strides = tuple(strides)
        self.settings = settings
        self._is_local = not trunk.has_norm

    def forward(self, maps: Sequence[Tensor]) -> RpnOutputs:
        """Return objectness logits and offsets of all anchors."""
        with gradients_if(not self._is_local):
            dense = self._compute_all(maps)
        # Older torch would take weights that were cast without gradients for those with.
        torch.clear_autocast_cache()
        return RpnOutputs(dense, maps)

    def _compute_all(self, maps: Sequence[Tensor]) -> DenseOutputs:
        shapes = [(level.shape[-2], level.shape[-1]) for level in maps]
        grid = make_anchor_grid(self.arch.anchors, self.strides, shapes, maps[0].device)
        trunks = self.trunk.over_levels(maps)
        outputs = [(self.objectness(trunk), self.offsets(trunk)) for trunk in trunks]
        return join_levels(outputs, self.arch.anchors.per_position, grid)

    def _compute_at(self, outputs: RpnOutputs, anchor_BN: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, N) and offsets (B, N, 4) of the chosen anchors, with gradients."""
        if not self._is_local:
            return outputs.dense.at(anchor_BN)
        shape_BN, position_BN = outputs.dense.grid.split(anchor_BN)
        batch, count = anchor_BN.shape
        picture_B = torch.arange(batch, device=anchor_BN.device)
        sites = plan_sites(
            outputs.maps, picture_B.repeat_interleave(count), position_BN.flatten(), convs=1
        )
        hidden_NC = F.relu(sites.convolve([self.trunk.conv], outputs.maps))
        hidden_BNC = hidden_NC.unflatten(0, (batch, count))
        logits_BNS = F.linear(hidden_BNC, self.objectness.weight.flatten(1), self.objectness.bias)
        offsets_BNX = F.linear(hidden_BNC, self.offsets.weight.flatten(1), self.offsets.bias)
        offsets_BNS4 = offsets_BNX.unflatten(-1, (-1, 4))
        shape_BN1 = shape_BN[..., None]
        return (
            logits_BNS.gather(2, shape_BN1).squeeze(2),
            offsets_BNS4.gather(2, shape_BN1[..., None].expand(-1, -1, 1, 4)).squeeze(2),
        )

    @without_gradients
    def propose(self, outputs: RpnOutputs, image_size: tuple[int, int]) -> Detections:
        """Return the proposals of each picture, best first; their labels are their levels.

        Args:
            outputs: Of this network.
            image_size: Height and width that the proposals are clipped to.
        """
        pre_nms, kept = self.arch.pre_nms, self.arch.kept
        if self.training:
            pre_nms, kept = self.settings.pre_nms or 2 * pre_nms, self.settings.kept or 2 * kept
        dense = outputs.dense
        top = top_anchors(dense, pre_nms)
        boxes_BN4 = decode_boxes(
            dense.offsets_at(top.anchor_BN), dense.grid.boxes_A4[top.anchor_BN]
        )
        return keep_proposals(self.arch, top, boxes_BN4, image_size, kept)

    def losses(self, outputs: RpnOutputs, targets: Targets, part: BatchPart) -> dict[str, Tensor]:
        """Return ``objectness`` and ``proposal_boxes``, both per sampled anchor of the batch."""
        grid = outputs.dense.grid
        matching = match(grid, targets, self.settings.match)
        anchors_BA4 = grid.boxes_A4.expand(len(targets.valid_BG), -1, -1)
        compute_at = partial(self._compute_at, outputs)
        return sampled_losses(
            compute_at, anchors_BA4, matching, targets, self.settings, UNIT_STDS, part
        )


def keep_proposals(
    arch: RpnArch | GuidedAnchoringRpn,
    top: TopAnchors,
    boxes_BN4: Tensor,
    image_size: tuple[int, int],
    kept: int,
) -> Detections:
    """Return the proposals that NMS within each level leaves, best first; labels are levels.

    Args:
        arch: Thresholds.
        top: The candidates.
        boxes_BN4: Their boxes.
        image_size: Height and width that the proposals are clipped to.
        kept: Proposals of each picture.
    """
    return keep_best(
        clip_boxes(boxes_BN4, *image_size),
        top.logits_BN.sigmoid(),
        top.level_N.expand_as(top.label_BN),
        min_score=0.0,
        max_iou=arch.nms,
        count=kept,
        min_side=arch.min_side,
    )


def sampled_losses(
    compute_at: Callable[[Tensor], tuple[Tensor, Tensor]],
    anchors_BA4: Tensor,
    matching: Matching,
    targets: Targets,
    settings: RpnLosses,
    stds: BoxStds,
    part: BatchPart,
) -> dict[str, Tensor]:
    """Return ``objectness`` and ``proposal_boxes``, both per sampled anchor of the batch.

    Args:
        compute_at: Anchors (B, N) to their logits (B, N) and offsets (B, N, 4).
        anchors_BA4: The anchors of each picture.
        matching: Which of them belong to objects.
        targets: Ground truth.
        settings: Sampling, loss shapes and weights.
        stds: Of the offsets.
        part: Which of the batch it is.
    """
    chosen = sample(matching, settings.sample, part)
    logits_BN, offsets_BN4 = compute_at(chosen.index_BN)
    objectness = F.binary_cross_entropy_with_logits(
        logits_BN.float(),
        chosen.positive_BN.float(),
        weight=chosen.valid_BN.float(),
        reduction="sum",
    )
    picture_N, slot_N = chosen.positive_BN.nonzero(as_tuple=True)
    anchor_N = chosen.index_BN[picture_N, slot_N]
    objects_N4 = targets.boxes_BG4[picture_N, matching.object_BA[picture_N, anchor_N]]
    wanted_N4 = encode_boxes(objects_N4, anchors_BA4[picture_N, anchor_N], stds)
    boxes = smooth_l1_sum(offsets_BN4[picture_N, slot_N], wanted_N4, settings.box_beta)
    per_sample = part.weigh(chosen.valid_BN.sum(), boxes.device)
    return {
        "objectness": objectness * (per_sample * settings.class_weight),
        "proposal_boxes": boxes * (per_sample * settings.box_weight),
    }


def build_rpn(arch: RpnArch, inputs: Sequence[FeatureSpec], norm: Norm, settings: RpnLosses) -> Rpn:
    """Return the network over all levels of a pyramid, or over the one map without one."""
    width, shapes = inputs[0].channels, arch.anchors.per_position
    behind = norm_outside_backbone(norm)
    trunk = ConvNorm(behind, make_conv(behind, width, width, 3), nn.ReLU(inplace=True))
    objectness = make_conv(None, width, shapes, 1)
    offsets = make_conv(None, width, shapes * 4, 1)
    nn.init.kaiming_normal_(trunk.conv.weight, nonlinearity="relu")
    for module in (objectness, offsets):
        nn.init.normal_(module.weight, std=OUTPUT_STD)
    for module in (trunk.conv, objectness, offsets):
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    return Rpn(arch, trunk, objectness, offsets, [spec.stride for spec in inputs], settings)
