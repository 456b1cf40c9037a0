"""Stand-ins that train in milliseconds: pictures of one bright square, and a net that finds it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from smnas.arch import DetectorArch
from smnas.data.dataset import Annotations, Category, DetectionDataset
from smnas.detector.batch_part import BatchPart
from smnas.detector.contract import Detections, Targets

SIDE = 64


class Squares(DetectionDataset):
    """Grey pictures with one bright square each; everything follows from the index."""

    def __init__(self, count: int = 6, side: int = SIDE) -> None:
        self.name = "squares"
        self.categories = (Category(id=7, name="square"),)
        self._count = count
        self._side = side

    @property
    def data_id(self) -> str:
        return f"squares-{self._count}"

    def __len__(self) -> int:
        return self._count

    def picture_id(self, index: int) -> int:
        return index

    def picture_size(self, index: int) -> tuple[int, int]:
        return self._side, self._side

    def annotations(self, index: int) -> Annotations:
        rng = np.random.default_rng(index)
        size = rng.integers(self._side // 4, self._side // 2)
        left, top = rng.integers(0, self._side - size, 2)
        return Annotations.of([(left, top, left + size, top + size)])

    def read(self, index: int) -> tuple[np.ndarray, Annotations]:
        rng = np.random.default_rng(1000 + index)
        picture = rng.integers(60, 100, (self._side, self._side, 3)).astype(np.uint8)
        annotations = self.annotations(index)
        left, top, right, bottom = annotations.boxes_xyxy[0].astype(int)
        picture[top:bottom, left:right] = 240
        return picture, annotations


class TinyDetector(nn.Module):
    """The detector's contract in a few hundred numbers: one box from an averaged map."""

    def __init__(self) -> None:
        super().__init__()
        self.arch = DetectorArch.parse(f"{SIDE}x{SIDE}/basicblock_8_1-1-1-1/none/rpn/rcnn")
        self.convs = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=8), nn.GroupNorm(4, 8), nn.ReLU(), nn.Flatten()
        )
        self.box = nn.Linear(8 * 64, 4)
        self.factor = 1.0

    def forward(
        self,
        images_B3HW: Tensor,
        targets: Targets | None = None,
        part: BatchPart | None = None,
    ) -> dict[str, Tensor] | Detections:
        boxes_B4 = self.box(self.convs(images_B3HW)).float() * SIDE
        if targets is None:
            return Detections(
                boxes_BD4=boxes_B4[:, None].clamp(0, SIDE),
                scores_BD=torch.full((len(boxes_B4), 1), 0.6),
                labels_BD=torch.zeros(len(boxes_B4), 1, dtype=torch.int64),
                valid_BD=torch.ones(len(boxes_B4), 1, dtype=torch.bool),
            )
        part, pictures = part or BatchPart(0), len(boxes_B4)
        weight = part.weigh(pictures, boxes_B4.device) / SIDE
        # The noise stands for the sampling of anchors.
        noise_B = part.draw(pictures, 1)[:, 0] * boxes_B4.square().mean(dim=1)
        error_B = (boxes_B4 - targets.boxes_BG4[:, 0]).abs().mean(dim=1)
        return {
            "box": error_B.sum() * weight * self.factor,
            "noise": 0.01 * noise_B.sum() * weight,
        }


@pytest.fixture
def squares() -> Squares:
    return Squares()


@pytest.fixture
def make_squares() -> Callable[..., Squares]:
    return Squares


@pytest.fixture
def make_tiny() -> Callable[[], TinyDetector]:
    def make() -> TinyDetector:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return TinyDetector()

    return make
