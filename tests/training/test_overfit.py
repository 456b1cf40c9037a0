"""The real parts together: what a detector has seen often enough it must find again."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from smnas.arch import DetectorArch
from smnas.data.dataset import DetectionDataset, Subset
from smnas.data.transforms import Augmentation
from smnas.data.trees import load_trees
from smnas.data.window import View
from smnas.detector.build import build_detector
from smnas.measure.accuracy import measure_accuracy
from smnas.training.loop import fit
from smnas.training.recipe import OptimizerSettings, Recipe
from smnas.training.trained_detector import TrainedDetector

STILL = Augmentation(horizontal_flip=0.0, zoom=(1.0, 1.0), brightness=0.0, contrast=0.0)
BACKBONE = "64x64/basicblock_8_1-1-1-1/fpn-p1-p3-16"


@pytest.mark.parametrize("rest", ["none/retina/convs=1/norm=gn-ws", "none/retina/convs=1"])
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


class StillTiles(Subset):
    """Eight tiles of the embedded photographs that never move, with three trees or more each."""

    def __init__(self) -> None:
        whole = load_trees().val
        crowded = [i for i in range(len(whole)) if whole.annotations(i).objects.sum() >= 3]
        super().__init__(whole, crowded[:8], "eight tiles")

    def draw(self, index: int, rng: np.random.Generator, zoom: float = 1.0) -> View:
        return DetectionDataset.draw(self, index, rng, zoom)


_PYRAMID = "160x160/basicblock_8_1-2-2-2/fpn-p2-p4-32"
_RPN = "fc=128/norm=gn-ws/proposals=100/rpn-anchor-octaves=2/rpn-anchor-scale=4/rpn-pre-nms=300"
_GUIDED = "fc=128/norm=gn-ws/proposals=100/rpn-anchor-scale=4/rpn-pre-nms=300"
_FAST = ("retina", "rcnn without a pyramid")
FAMILIES = {
    "retina": f"{_PYRAMID}/none/retina/anchor-scale=3/convs=2/norm=gn-ws",
    "rcnn": f"{_PYRAMID}/rpn/rcnn/{_RPN}",
    "rcnn without a pyramid": f"160x160/basicblock_8_1-2-2-2/none/rpn/rcnn/{_RPN}",
    "cascade-2": f"{_PYRAMID}/rpn/cascade-2/{_RPN}",
    "cascade-3": f"{_PYRAMID}/rpn/cascade-3/{_RPN}",
    "cascade-4": f"{_PYRAMID}/rpn/cascade-4/{_RPN}",
    "guided rcnn": f"{_PYRAMID}/ga-rpn/rcnn/box-stds=0.05,0.05,0.1,0.1/{_GUIDED}/score=0.001",
    "guided cascade-3": f"{_PYRAMID}/ga-rpn/cascade-3/{_GUIDED}",
}


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(name, marks=[] if name in _FAST else [pytest.mark.slow], id=name)
        for name in FAMILIES
    ],
)
def test_every_family_learns_eight_photographs_by_heart(family: str) -> None:
    torch.set_num_threads(1)
    tiles = StillTiles()
    recipe = Recipe(batch=8, augmentation=STILL, optimizer=OptimizerSettings(learning_rate=0.008))
    arch = DetectorArch.parse(FAMILIES[family])
    detector = build_detector(arch, num_classes=1, losses=recipe.losses, seed=0)
    fit(detector, tiles, recipe, epochs=120, seed=0)
    found = measure_accuracy(TrainedDetector(detector, tiles.categories), tiles, "train", "cpu")
    by_metric = {item.metric: item.value for item in found.measurements}
    assert by_metric["ap50"] >= 0.9
