"""Input at the edge of what can come, in training and in prediction, for every family."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.detector.contract import Targets
from smnas.detector.detector import Detector
from smnas.training.recipe import LEAN_LOSSES

SIDE = 64
_RPN = "detections=20/fc=16/proposals=30/rpn-anchor-scale=4/rpn-pre-nms=60/score=0"
_PYRAMID = "fpn-p2-p4-16"
FAMILIES = {
    "retina": f"{_PYRAMID}/none/retina/convs=1/detections=20/score=0",
    "rcnn": f"{_PYRAMID}/rpn/rcnn/{_RPN}",
    "cascade-2": f"{_PYRAMID}/rpn/cascade-2/{_RPN}",
    "cascade-3": f"{_PYRAMID}/rpn/cascade-3/{_RPN}",
    "cascade-4": f"{_PYRAMID}/rpn/cascade-4/{_RPN}",
    "guided-rcnn": f"{_PYRAMID}/ga-rpn/rcnn/{_RPN}",
    "guided-cascade-3": f"{_PYRAMID}/ga-rpn/cascade-3/{_RPN}",
    "without-pyramid": f"none/rpn/rcnn/{_RPN}",
}
WHOLE = (0.0, 0.0, SIDE, SIDE)
PIXEL = (10.0, 10.0, 11.0, 11.0)


def boxes(*pictures: list[tuple[float, float, float, float]]) -> Targets:
    """Return targets of class 0, padded to the most boxes of a picture."""
    most = max(map(len, pictures))
    padded = [[*picture, *[(0.0,) * 4] * (most - len(picture))] for picture in pictures]
    valid_BG = torch.arange(most) < torch.tensor(list(map(len, pictures)))[:, None]
    return Targets(
        boxes_BG4=torch.tensor(padded).view(len(pictures), most, 4),
        labels_BG=torch.zeros_like(valid_BG, dtype=torch.int64),
        valid_BG=valid_BG,
        ignore_BG=torch.zeros_like(valid_BG),
    )


def crowd(count: int) -> list[tuple[float, float, float, float]]:
    """Return boxes of 3 to 20 pixels, anywhere."""
    generator = torch.Generator().manual_seed(0)
    size_N2 = 3 + 17 * torch.rand(count, 2, generator=generator)
    start_N2 = (SIDE - size_N2) * torch.rand(count, 2, generator=generator)
    return torch.cat((start_N2, start_N2 + size_N2), dim=1).tolist()


TARGETS = {
    "no objects": Targets.empty(2, 3),
    "no room for objects": Targets.empty(2, 0),
    "no objects in one picture": boxes([], [(8.0, 8.0, 40.0, 30.0)]),
    "a box of one pixel": boxes([PIXEL], [PIXEL]),
    "a sliver in the corner": boxes([(SIDE - 0.01, 0.0, SIDE, 60.0)], [WHOLE]),
    "a box as large as the picture": boxes([WHOLE], [WHOLE]),
    "the same box many times": boxes([WHOLE] * 20, [PIXEL] * 20),
    "500 objects in one picture": boxes(crowd(500), [PIXEL]),
    "one picture": boxes(crowd(3)),
    "one picture, no objects": Targets.empty(1, 0),
}


def build(family: str, classes: int) -> Detector:
    arch = DetectorArch.parse(f"{SIDE}x{SIDE}/basicblock_8_1-1-1-1/{FAMILIES[family]}")
    return build_detector(arch, classes, LEAN_LOSSES, seed=0)


def draw_images(batch: int) -> Tensor:
    return torch.randn(batch, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", TARGETS)
def test_any_objects_teach_and_leave_a_detector_that_predicts(
    family: str,
    case: str,
    check_training_step: Callable[..., None],
    check_detections: Callable[..., None],
) -> None:
    targets = TARGETS[case]
    detector, batch = build(family, classes=2), len(targets.valid_BG)
    check_training_step(detector, draw_images(batch), targets)
    torch.optim.SGD(detector.parameters(), lr=1e-3).step()
    with torch.no_grad():
        found = detector.eval()(draw_images(batch))
    check_detections(detector, found, batch)
    assert found.valid_BD.any()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("classes", [1, 1000])
def test_any_number_of_classes(
    family: str,
    classes: int,
    check_training_step: Callable[..., None],
    check_detections: Callable[..., None],
) -> None:
    detector, targets = build(family, classes), boxes(crowd(3), crowd(2))
    targets.labels_BG[0] = classes - 1
    check_training_step(detector, draw_images(2), targets)
    with torch.no_grad():
        check_detections(detector, detector.eval()(draw_images(2)), batch=2)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_objects_only_the_background_is_learned(family: str) -> None:
    losses = build(family, classes=3)(draw_images(2), Targets.empty(2, 0))
    geometry = {name for name in losses if "boxes" in name or name == "anchor_sizes"}
    assert geometry
    assert all(losses[name] == 0 for name in geometry), "nothing to regress to"
    assert all(losses[name] > 0 for name in losses if name not in geometry)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_picture_of_one_colour_gives_valid_detections(
    family: str, check_detections: Callable[..., None]
) -> None:
    detector = build(family, classes=2).eval()
    with torch.no_grad():
        check_detections(detector, detector(torch.zeros(1, 3, SIDE, SIDE)), batch=1)
