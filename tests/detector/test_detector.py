"""What every member of the family must do, whatever its parts."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.ops import box_iou

from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.detector.contract import Targets
from smnas.detector.detector import Detector
from smnas.detector.loss_settings import LossSettings, RcnnLosses, RpnLosses, SampleSettings

SETTINGS = LossSettings(
    rpn=RpnLosses(pre_nms=60, kept=40),
    rcnn=RcnnLosses(sample=SampleSettings(count=24, positive_share=0.25)),
)
NECKS = ("fpn-p2-p4-16", "fpn-p2-p5-16", "fpn-p1-p3-16")
HEADS = {
    "retina": "none/retina/convs=1/detections=20",
    "rcnn": "rpn/rcnn/detections=20/fc=32/proposals=30/rpn-anchor-scale=4/rpn-pre-nms=60",
    "guided": "ga-rpn/rcnn/detections=20/fc=32/proposals=30/rpn-anchor-scale=4/rpn-pre-nms=60",
    "cascade-2": "rpn/cascade-2/detections=20/fc=32/proposals=30/rpn-anchor-scale=4/rpn-pre-nms=60",
    "cascade-4": "rpn/cascade-4/detections=20/fc=32/proposals=30/rpn-anchor-scale=4/rpn-pre-nms=60",
}
FAMILY = [
    f"96x64/basicblock_8_1-2-1-2/{neck}/{head}/norm={norm}"
    for head in HEADS.values()
    for neck in (*NECKS, "none")
    for norm in ("bn", "gn-ws")
    if not (neck == "none" and "retina" in head)
]
EXTRAS = [
    "64x96/bottleneck_8_1-1-2-1/fpn-p2-p6-16/none/retina/convs=1/extra=conv",
    "64x96/xbottleneck_8_1-1-2-1/fpn-p2-p5-16/none/retina/convs=2/extra=conv-in/norm=gn-ws",
    "64x96/inverted_8_1-1-2-1/fpn-p2-p5-16/rpn/rcnn/fc=16/in=p2-p3/roi=3",
    "64x64/basicblock_8_1-1-2-1/fpn-p2-p4-16/ga-rpn/cascade-3/fc=16/norm=gn-ws",
    "64x64/basicblock_8_1-1-2-1/fpn-p2-p4-16/ga-rpn/rcnn/fc=16/norm=gn",
    "96x64/bottleneck_8_1-1-2-1/fpn-p2-p4-16/none/retina/convs=1/norm=gn",
    "90x60/basicblock_8_1-1-2-1/fpn-p3-p4-16/rpn/rcnn/fc=16/rpn-anchor-octaves=2",
]
MakeTargets = Callable[..., Targets]


def build(text: str, classes: int = 3) -> Detector:
    return build_detector(DetectorArch.parse(text), classes, SETTINGS, seed=0)


def draw_images(detector: Detector, batch: int = 2) -> Tensor:
    height, width = detector.arch.input.padded
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def lift_scores(detector: Detector) -> None:
    """Let fresh weights give detections: background less likely, logits far from the prior."""
    for name, parameter in detector.named_parameters():
        if name.endswith(("class_tower.last.bias", "logits.bias")):
            torch.nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("text", FAMILY + EXTRAS)
def test_trains_and_detects(
    text: str,
    make_targets: MakeTargets,
    check_training_step: Callable[..., None],
    check_detections: Callable[..., None],
) -> None:
    detector = build(text)
    images = draw_images(detector)
    height, width = detector.arch.input.padded
    check_training_step(detector, images, make_targets(2, 5, 3, (height, width)))
    lift_scores(detector)
    with torch.no_grad():
        found = detector.eval()(images)
    check_detections(detector, found, batch=2)
    assert found.valid_BD.any()


@pytest.mark.parametrize("head", HEADS)
def test_ignored_boxes_teach_nothing(head: str, make_targets: MakeTargets) -> None:
    """Labels and extent of ignored boxes do not matter, only that they cover something."""
    text = f"64x64/basicblock_8_1-2-1-2/fpn-p2-p4-16/{HEADS[head]}"
    targets = make_targets(2, 6, 3, (64, 64))
    other = Targets(
        targets.boxes_BG4,
        torch.where(targets.ignore_BG, (targets.labels_BG + 1) % 3, targets.labels_BG),
        targets.valid_BG,
        targets.ignore_BG,
    )
    one, two = (build(text)(draw_images(build(text)), item) for item in (targets, other))
    for name in one:
        torch.testing.assert_close(one[name], two[name])


@pytest.mark.parametrize("head", HEADS)
def test_half_precision_keeps_losses_and_boxes_in_float32(
    head: str,
    make_targets: MakeTargets,
    check_training_step: Callable[..., None],
    check_detections: Callable[..., None],
) -> None:
    detector = build(f"64x64/basicblock_8_1-2-1-2/fpn-p2-p4-16/{HEADS[head]}/norm=gn-ws")
    with torch.autocast("cpu", torch.bfloat16):
        check_training_step(detector, draw_images(detector), make_targets(2, 4, 3, (64, 64)))
        lift_scores(detector)
        with torch.no_grad():
            check_detections(detector, detector.eval()(draw_images(detector)), batch=2)


@pytest.mark.parametrize("head", HEADS)
def test_equal_seeds_sample_equally(head: str, make_targets: MakeTargets) -> None:
    text = f"64x64/basicblock_8_1-2-1-2/fpn-p2-p4-16/{HEADS[head]}"
    targets = make_targets(2, 4, 3, (64, 64))
    one, two = build(text), build(text)
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    first = one(draw_images(one), targets)
    assert torch.equal(torch.random.get_rng_state(), state), "the global stream was drawn from"
    torch.manual_seed(1)
    second = two(draw_images(two), targets)
    for name in first:
        assert torch.equal(first[name], second[name])


def test_training_needs_targets() -> None:
    detector = build(f"64x64/basicblock_8_1-2-1-2/fpn-p2-p4-16/{HEADS['retina']}")
    with pytest.raises(ValueError, match=r"needs targets; call eval\(\) to detect"):
        detector(draw_images(detector))


@pytest.mark.parametrize("head", ["retina", "rcnn", "guided", "cascade-2"])
def test_overfits_two_pictures(head: str) -> None:
    """Bright squares of two kinds on a dark ground: found, told apart, and nothing else."""
    detector = build_detector(
        DetectorArch.parse(f"64x64/basicblock_8_1-2-1-2/fpn-p2-p4-16/{HEADS[head]}/norm=gn-ws"),
        2,
        SETTINGS,
        seed=0,
    )
    boxes = torch.tensor(
        [[[4.0, 4, 28, 28], [30.0, 34, 60, 62]], [[20.0, 8, 44, 36], [6.0, 40, 26, 60]]]
    )
    labels = torch.tensor([[0, 1], [1, 0]])
    images = torch.zeros(2, 3, 64, 64)
    for picture in range(2):
        for box, label in zip(boxes[picture].int().tolist(), labels[picture], strict=True):
            images[picture, int(label), box[1] : box[3], box[0] : box[2]] = 2.0
    everywhere = torch.ones(2, 2, dtype=torch.bool)
    targets = Targets(boxes, labels, everywhere, ~everywhere)
    optimizer = torch.optim.AdamW(detector.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=120)
    for _ in range(120):
        optimizer.zero_grad()
        torch.stack(list(detector(images, targets).values())).sum().backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        found = detector.eval()(images)
    for picture in range(2):  # AP50 of 1: the best two are the objects
        order, wanted = found.labels_BD[picture, :2].argsort(), labels[picture].argsort()
        assert found.labels_BD[picture, order].tolist() == [0, 1]
        ious = box_iou(found.boxes_BD4[picture, order], boxes[picture, wanted])
        assert (ious.diag() > 0.5).all()
