"""Whole losses of RPN, RetinaNet and RCNN heads beside torchvision's, on generated inputs."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection._utils import Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.roi_heads import fastrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import box_iou

from smnas.arch.parts import RetinaHead as RetinaHeadArch
from smnas.arch.parts import Rpn as RpnArch
from smnas.detector.batch_part import BatchPart
from smnas.detector.boxes import UNIT_STDS, encode_boxes
from smnas.detector.contract import FeatureSpec, Targets
from smnas.detector.loss_settings import RetinaLosses, RpnLosses, SampleSettings
from smnas.detector.rcnn_head import roi_losses
from smnas.detector.retina_head import build_retina_head
from smnas.detector.roi_sampling import LabelledRois
from smnas.detector.rpn import build_rpn

SIZE, STRIDES, CLASSES = 96, (8, 16), 3
SPECS = [FeatureSpec(8, stride) for stride in STRIDES]
SEEDS = st.integers(0, 2**31)


def draw_boxes(generator: torch.Generator, count: int) -> Tensor:
    start = torch.rand(count, 2, generator=generator) * SIZE * 0.7
    end = start + 4 + torch.rand(count, 2, generator=generator) * (SIZE - 4 - start)
    return torch.cat((start, end), dim=-1)


def draw_targets(generator: torch.Generator, batch: int, boxes: int) -> Targets:
    boxes_BG4 = torch.stack([draw_boxes(generator, boxes) for _ in range(batch)])
    everywhere = torch.ones(batch, boxes, dtype=torch.bool)
    labels_BG = torch.randint(CLASSES, (batch, boxes), generator=generator)
    return Targets(boxes_BG4, labels_BG, everywhere, ~everywhere)


def draw_maps(generator: torch.Generator, batch: int) -> list[Tensor]:
    sides = [SIZE // stride for stride in STRIDES]
    return [torch.randn(batch, 8, side, side, generator=generator) for side in sides]


def match_like_torchvision(targets: Targets, anchors_A4: Tensor, matcher: Matcher) -> Tensor:
    if targets.boxes_BG4.shape[1] == 0:
        return torch.full((1, len(anchors_A4)), -1)
    return torch.stack([matcher(box_iou(boxes, anchors_A4)) for boxes in targets.boxes_BG4])


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, boxes=st.integers(0, 6))
def test_retinanets_losses_are_torchvisions(seed: int, boxes: int) -> None:
    """For one picture; a batch of ours is divided by its positives, theirs picture by picture."""
    generator = torch.Generator().manual_seed(seed)
    head = build_retina_head(
        RetinaHeadArch(convs=1), SPECS, CLASSES, "bn", RetinaLosses(box_beta=0.0)
    )
    targets, maps = draw_targets(generator, 1, boxes), draw_maps(generator, 1)
    found = head.losses(maps, (SIZE, SIZE), targets, BatchPart(seed))

    outputs = head(maps)
    anchors_A4 = outputs.grid.boxes_A4
    # Ours lie (shape, class, position), theirs (anchor, class).
    logits_1AK = outputs.logits_BSKP.transpose(2, 3).flatten(1, 2)
    offsets_1A4 = outputs.offsets_BS4P.transpose(2, 3).flatten(1, 2)
    theirs = RetinaNetHead(8, num_anchors=9, num_classes=CLASSES).compute_loss(
        [{"boxes": targets.boxes_BG4[0], "labels": targets.labels_BG[0]}],
        {"cls_logits": logits_1AK, "bbox_regression": offsets_1A4},
        [anchors_A4],
        list(match_like_torchvision(targets, anchors_A4, Matcher(0.5, 0.4, True))),
    )
    torch.testing.assert_close(found["classification"], theirs["classification"])
    torch.testing.assert_close(found["boxes"], theirs["bbox_regression"], rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=20)
@given(seed=SEEDS, batch=st.integers(1, 2), boxes=st.integers(0, 6))
def test_rpns_losses_are_torchvisions(seed: int, batch: int, boxes: int) -> None:
    """All anchors are sampled, so that nothing hangs on the draw."""
    generator = torch.Generator().manual_seed(seed)
    everything = SampleSettings(count=10_000, positive_share=0.5)
    rpn = build_rpn(RpnArch(), SPECS, "bn", RpnLosses(sample=everything))
    targets, maps = draw_targets(generator, batch, boxes), draw_maps(generator, batch)
    outputs = rpn(maps)
    found = rpn.losses(outputs, targets, BatchPart(seed))

    dense = outputs.dense
    anchors_A4 = dense.grid.boxes_A4
    matched_BA = match_like_torchvision(targets, anchors_A4, Matcher(0.7, 0.3, True))
    matched_BA = matched_BA.expand(batch, -1)
    labels_BA = torch.where(matched_BA >= 0, 1.0, torch.where(matched_BA == -1, 0.0, -1.0))
    wanted_BA4 = anchors_A4.expand(batch, -1, -1)
    if boxes:
        index_BA4 = matched_BA.clamp(min=0)[..., None].expand(-1, -1, 4)
        wanted_BA4 = targets.boxes_BG4.gather(1, index_BA4)
    offsets_BA4 = encode_boxes(wanted_BA4, anchors_A4, UNIT_STDS)
    nothing = {"training": 0, "testing": 0}
    theirs = RegionProposalNetwork(
        AnchorGenerator(), torch.nn.Identity(), 0.7, 0.3, 10_000, 0.5, nothing, nothing, 0.7
    )
    objectness, proposal_boxes = theirs.compute_loss(
        dense.logits_BSKP.flatten(),
        dense.offsets_BS4P.transpose(2, 3).flatten(0, 2),
        list(labels_BA),
        list(offsets_BA4),
    )
    torch.testing.assert_close(found["objectness"], objectness)
    torch.testing.assert_close(found["proposal_boxes"], proposal_boxes, rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, rois=st.integers(0, 12), positive_share=st.sampled_from([0.0, 0.4, 1.0]))
def test_rcnns_losses_are_torchvisions(seed: int, rois: int, positive_share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    boxes_BN4 = torch.stack([draw_boxes(generator, rois) for _ in range(2)])
    wanted_BN4 = torch.stack([draw_boxes(generator, rois) for _ in range(2)])
    positive_BN = torch.rand(2, rois, generator=generator) < positive_share
    labels_BN = torch.randint(CLASSES, (2, rois), generator=generator)
    labels_BN = labels_BN.masked_fill(~positive_BN, CLASSES)
    valid_BN = positive_BN | (torch.rand(2, rois, generator=generator) < 0.8)
    logits_BNK = torch.randn(2, rois, CLASSES + 1, generator=generator)
    offsets_BNK4 = torch.randn(2, rois, CLASSES + 1, 4, generator=generator)
    stds = (0.1, 0.1, 0.2, 0.2)
    found = roi_losses(
        LabelledRois(boxes_BN4, valid_BN, positive_BN, labels_BN, wanted_BN4),
        logits_BNK,
        offsets_BNK4,
        stds,
        box_beta=1 / 9,
        part=BatchPart(seed),
    )
    if not valid_BN.any():  # torchvision divides by 0 here
        assert found["classification"] == found["boxes"] == 0
        return
    # Their background is the first class, ours the last.
    classification, boxes = fastrcnn_loss(
        logits_BNK[valid_BN].roll(1, dims=1),
        offsets_BNK4[valid_BN].roll(1, dims=1).flatten(1),
        [(labels_BN[valid_BN] + 1) % (CLASSES + 1)],
        [encode_boxes(wanted_BN4, boxes_BN4, stds)[valid_BN]],
    )
    torch.testing.assert_close(found["classification"], classification)
    torch.testing.assert_close(found["boxes"], boxes, rtol=1e-4, atol=1e-5)
