"""Guided-anchoring region proposals (Wang et al. 2019; paper.md 6.1).

One anchor at each position, whose size is predicted, as is whether there is one at all. Features
are adapted to the anchors by a deformable convolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, log

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smnas.arch.parts import Anchors, BoxStds, GuidedAnchoringRpn, Norm
from smnas.detector.anchors import AnchorGrid, make_anchor_grid
from smnas.detector.autocasting import float32_on
from smnas.detector.batch_part import BatchPart
from smnas.detector.boxes import decode_boxes
from smnas.detector.contract import Detections, FeatureSpec, Targets
from smnas.detector.deformable import KERNEL, deform
from smnas.detector.dense_outputs import DenseOutputs, join_levels, top_anchors
from smnas.detector.gradients import without_gradients
from smnas.detector.guided_targets import bounded_iou_sum, locate
from smnas.detector.loss_settings import GuidedRpnLosses
from smnas.detector.losses import focal_sum
from smnas.detector.matching import CandidateBoxes, match
from smnas.detector.norms import ConvNorm, make_conv, make_norm, norm_outside_backbone, standardise
from smnas.detector.rpn import OUTPUT_STD, keep_proposals, sampled_losses
from smnas.detector.sampling import sample

ANCHOR_STDS: BoxStds = (0.07, 0.07, 0.14, 0.14)
"""Of the predicted anchors against squares."""
BOX_STDS: BoxStds = (0.07, 0.07, 0.11, 0.11)
"""Of the proposals against the predicted anchors."""
MIN_LOCATION_SCORE = 0.01
"""Positions below it make no proposal."""
_OFFSET_STD = 0.1
_MAX_DEFORMABLE_GROUPS = 4


class AdaptedConv(nn.Module):
    """A deformable 3x3 convolution that follows the predicted anchors; always in float32."""

    def __init__(self, width: int, norm: Norm | None) -> None:
        """Take numbers.

        Args:
            width: Channels in and out.
            norm: ``gn-ws``, ``gn``, or None for neither a norm nor a bias.
        """
        super().__init__()
        groups = gcd(_MAX_DEFORMABLE_GROUPS, width)
        self.offsets = nn.Conv2d(2, groups * 2 * KERNEL**2, 1, bias=False)
        self.weight = nn.Parameter(torch.empty(width, width, KERNEL, KERNEL))
        self.norm = make_norm(norm, width) if norm else nn.Identity()
        self.standardised = norm == "gn-ws"
        nn.init.normal_(self.offsets.weight, std=_OFFSET_STD)
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, maps_BCHW: Tensor, sizes_B2HW: Tensor) -> Tensor:
        """Return the adapted maps.

        Args:
            maps_BCHW: Features.
            sizes_B2HW: Predicted log sizes of the anchors; no gradient flows to them.
        """
        with float32_on(maps_BCHW.device.type):  # the operator has no bf16 kernel on CPUs
            weight = standardise(self.weight) if self.standardised else self.weight
            offsets = self.offsets(sizes_B2HW.detach().float())
            adapted = deform(maps_BCHW.float(), offsets, weight, self.training)
        return F.relu(self.norm(adapted.to(maps_BCHW.dtype)))


@dataclass(frozen=True)
class GuidedOutputs:
    """What the network says about every position."""

    dense: DenseOutputs
    """Objectness and offsets, on the grid of squares; S and K are 1."""
    location_BSKP: Tensor
    """Logits of whether there is an anchor."""
    anchors_BP4: Tensor
    """float32: the predicted anchors."""


class GuidedRpn(nn.Module):
    """Locations and sizes of anchors, then objectness and offsets on features adapted to them."""

    def __init__(
        self,
        arch: GuidedAnchoringRpn,
        trunk: ConvNorm,
        adaption: AdaptedConv,
        strides: Sequence[int],
        settings: GuidedRpnLosses,
    ) -> None:
        """Take built parts.

        Args:
            arch: Anchors that sizes are matched by, thresholds and counts.
            trunk: Maps to maps of the same shape, for all levels.
            adaption: Trunk to maps that fit the predicted anchors.
            strides: Pixels per position of each level.
            settings: How it learns.
        """
        super().__init__()
        width = trunk.conv.out_channels
        self.arch = arch
        self.trunk = trunk
        self.location = make_conv(None, width, 1, 1)
        self.sizes = make_conv(None, width, 2, 1)
        self.adaption = adaption
        self.objectness = make_conv(None, width, 1, 1)
        self.offsets = make_conv(None, width, 4, 1)
        self.strides = tuple(strides)
        self.settings = settings
        for layer in (self.location, self.sizes, self.objectness, self.offsets):
            nn.init.normal_(layer.weight, std=OUTPUT_STD)
            nn.init.zeros_(layer.get_parameter("bias"))
        # As many positions pass at first as the threshold lets through.
        prior = log(MIN_LOCATION_SCORE / (1 - MIN_LOCATION_SCORE))
        nn.init.constant_(self.location.get_parameter("bias"), prior)

    def forward(self, maps: Sequence[Tensor]) -> GuidedOutputs:
        """Return what the network says about every position of all levels."""
        squares = self._grid(maps, Anchors(scale=self.arch.anchors.scale, octaves=1, ratios=(1.0,)))
        dense: list[tuple[Tensor, Tensor]] = []
        guides: list[tuple[Tensor, Tensor]] = []
        for trunk in self.trunk.over_levels(maps):
            sizes_B2HW = self.sizes(trunk)
            guides.append((self.location(trunk), F.pad(sizes_B2HW, (0, 0, 0, 0, 2, 0))))
            adapted = self.adaption(trunk, sizes_B2HW)
            dense.append((self.objectness(adapted), self.offsets(adapted)))
        guide = join_levels(guides, 1, squares)
        offsets_BP4 = guide.offsets_BS4P[:, 0].transpose(1, 2)
        anchors_BP4 = decode_boxes(offsets_BP4, squares.boxes_A4, ANCHOR_STDS)
        return GuidedOutputs(join_levels(dense, 1, squares), guide.logits_BSKP, anchors_BP4)

    @without_gradients
    def propose(self, outputs: GuidedOutputs, image_size: tuple[int, int]) -> Detections:
        """Return the proposals of each picture, best first; their labels are their levels.

        Args:
            outputs: Of this network.
            image_size: Height and width that the proposals are clipped to.
        """
        pre_nms, kept = self.arch.pre_nms, self.arch.kept
        if self.training:
            settings = self.settings.proposals
            pre_nms, kept = settings.pre_nms or 2 * pre_nms, settings.kept or kept
        absent = outputs.location_BSKP.float().sigmoid() < MIN_LOCATION_SCORE
        logits_BSKP = outputs.dense.logits_BSKP.float().masked_fill(absent, -torch.inf)
        dense = DenseOutputs(logits_BSKP, outputs.dense.offsets_BS4P, outputs.dense.grid)
        top = top_anchors(dense, pre_nms)
        anchors_BN4 = outputs.anchors_BP4.gather(1, top.anchor_BN[..., None].expand(-1, -1, 4))
        boxes_BN4 = decode_boxes(dense.offsets_at(top.anchor_BN), anchors_BN4, BOX_STDS)
        return keep_proposals(self.arch, top, boxes_BN4, image_size, kept)

    def losses(
        self, outputs: GuidedOutputs, targets: Targets, part: BatchPart
    ) -> dict[str, Tensor]:
        """Return ``location``, ``anchor_sizes``, ``objectness`` and ``proposal_boxes``."""
        anchors_BP4 = outputs.anchors_BP4.detach()
        matching = match(CandidateBoxes(anchors_BP4), targets, self.settings.proposals.match)
        return {
            "location": self._location_loss(outputs, targets, part),
            "anchor_sizes": self._size_loss(outputs, targets, part),
        } | sampled_losses(
            outputs.dense.at,
            anchors_BP4,
            matching,
            targets,
            self.settings.proposals,
            BOX_STDS,
            part,
        )

    def _location_loss(self, outputs: GuidedOutputs, targets: Targets, part: BatchPart) -> Tensor:
        """Return the focal loss, per 200th of all positions as in mmdetection."""
        finest_side = self.arch.anchors.scale * self.strides[0]
        found = locate(targets, outputs.dense.grid.shapes, self.strides, finest_side)
        picture_N, position_N = found.positive_BP.nonzero(as_tuple=True)
        zero_N = torch.zeros_like(picture_N)
        loss = focal_sum(
            outputs.location_BSKP,
            (picture_N, zero_N, zero_N, position_N),
            found.weights_BP[:, None],
            self.settings.focal_alpha,
            self.settings.focal_gamma,
        )
        per_position = part.weigh(found.positive_BP.numel(), loss.device)
        return loss * (self.settings.location_weight * 200 * per_position)

    def _size_loss(self, outputs: GuidedOutputs, targets: Targets, part: BatchPart) -> Tensor:
        """Return the bounded IoU loss of anchors whose best plain shape matches an object."""
        shapes, settings = self.arch.anchors.per_position, self.settings
        grid = self._plain_grid(outputs.dense.grid)
        matching = match(grid, targets, settings.proposals.match, shapes=shapes)
        chosen = sample(matching, settings.proposals.sample, part)
        picture_N, slot_N = chosen.positive_BN.nonzero(as_tuple=True)
        position_N = chosen.index_BN[picture_N, slot_N]
        wanted_N4 = targets.boxes_BG4[picture_N, matching.object_BA[picture_N, position_N]]
        anchors_N4 = outputs.anchors_BP4[picture_N, position_N]
        loss = bounded_iou_sum(anchors_N4, wanted_N4, settings.size_beta)
        per_sample = part.weigh(chosen.valid_BN.sum(), loss.device)
        return loss * (settings.size_weight * per_sample)

    def _plain_grid(self, squares: AnchorGrid) -> AnchorGrid:
        device = squares.boxes_A4.device
        return make_anchor_grid(self.arch.anchors, self.strides, squares.shapes, device)

    def _grid(self, maps: Sequence[Tensor], anchors: Anchors) -> AnchorGrid:
        shapes = [(level.shape[-2], level.shape[-1]) for level in maps]
        return make_anchor_grid(anchors, self.strides, shapes, maps[0].device)


def build_guided_rpn(
    arch: GuidedAnchoringRpn, inputs: Sequence[FeatureSpec], norm: Norm, settings: GuidedRpnLosses
) -> GuidedRpn:
    """Return the network over all levels of a pyramid, or over the one map without one."""
    width, behind = inputs[0].channels, norm_outside_backbone(norm)
    trunk = ConvNorm(behind, make_conv(behind, width, width, 3), nn.ReLU(inplace=True))
    nn.init.kaiming_normal_(trunk.conv.weight, nonlinearity="relu")
    if trunk.conv.bias is not None:
        nn.init.zeros_(trunk.conv.bias)
    strides = [spec.stride for spec in inputs]
    return GuidedRpn(arch, trunk, AdaptedConv(width, behind), strides, settings)
