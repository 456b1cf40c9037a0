"""The real parts together: what a detector has seen often enough it must find again."""

import pytest
import torch
from torchvision.ops import box_iou

from smnas.arch import DetectorArch
from smnas.data.transforms import Augmentation
from smnas.detector.build import build_detector
from smnas.training.loop import fit
from smnas.training.recipe import OptimizerSettings, Recipe
from smnas.training.trained_detector import TrainedDetector

STILL = Augmentation(horizontal_flip=0.0, zoom=(1.0, 1.0), brightness=0.0, contrast=0.0)
BACKBONE = "64x64/basicblock_8_1-1-1-1/fpn-p1-p3-16"


@pytest.mark.parametrize(
    "rest",
    [
        "none/retina/convs=1/norm=gn-ws",
        "none/retina/convs=1",
        "rpn/rcnn/fc=64/norm=gn-ws/proposals=50/rpn-anchor-scale=4",
    ],
)
def test_a_few_pictures_are_learned_by_heart(make_squares, rest: str) -> None:
    squares = make_squares(4)
    detector = build_detector(DetectorArch.parse(f"{BACKBONE}/{rest}"), num_classes=1, seed=0)
    recipe = Recipe(
        batch=4,
        augmentation=STILL,
        precision="float32",
        optimizer=OptimizerSettings(learning_rate=0.004),
    )
    log = fit(detector, squares, recipe, epochs=200, seed=0)
    assert log.final_loss < 0.5 * log.curve[0].loss
    trained = TrainedDetector(detector, squares.categories)
    for index in range(len(squares)):
        picture, annotations = squares.read(index)
        found = trained.predict(picture)
        first = torch.from_numpy(found.boxes_xyxy[:1])
        assert found.labels[0] == 7
        assert box_iou(first, torch.from_numpy(annotations.boxes_xyxy)).item() > 0.6
