"""Detectors with random weights that find something, and real pictures of all shapes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.data.picture import Picture
from smnas.data.trees import load_trees
from smnas.detector.build import build_detector
from smnas.detector.detector import Detector
from smnas.detector.retina_head import RetinaHead
from smnas.export.onnx import export_model
from smnas.export.onnx_file import OnnxFile, check_onnx

CATEGORIES = (Category(7, "oak"), Category(3, "ash"), Category(90, "fir"))
RETINA = "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-8/none/retina/convs=1/norm=gn-ws/score=0.005"


def make_detector(text: str) -> Detector:
    """Build a detector whose scores spread, so that which boxes win hangs on more than noise."""
    detector = build_detector(DetectorArch.parse(text), len(CATEGORIES), seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in detector.head.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(0.3 * noise * max(float(parameter.std(correction=0)), 0.02))
        if isinstance(detector.head, RetinaHead):
            detector.head.class_tower.last.get_parameter("bias").fill_(-1.0)
    return detector


@pytest.fixture(scope="session")
def build() -> Callable[[str], Detector]:
    return make_detector


@pytest.fixture(scope="session")
def retina() -> Detector:
    return make_detector(RETINA)


@pytest.fixture(scope="session")
def categories() -> tuple[Category, ...]:
    return CATEGORIES


@pytest.fixture(scope="session")
def exported(retina: Detector, tmp_path_factory: pytest.TempPathFactory) -> OnnxFile:
    """The small RetinaNet, exported once."""
    path = tmp_path_factory.mktemp("exported") / "detector.onnx"
    return check_onnx(path, export_model(retina, CATEGORIES).SerializeToString())


@pytest.fixture(scope="session")
def pictures() -> list[Picture]:
    """Photographs as they are, cut, mirrored and grey; a pixel, a line, a column."""
    photographs = load_trees().val
    whole = [photographs.read(index)[0] for index in range(3)]
    grey = np.repeat(whole[0].mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    return [
        *whole,
        whole[0][:37, ::-1],
        whole[1][:150, 20:51],
        grey,
        whole[2][:1, :1],
        whole[2][:1],
        np.tile(whole[2][:, :1], (8, 1, 1)),
    ]
