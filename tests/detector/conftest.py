"""Fixtures of the detector room: pictures and ground truth made from a seed."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smnas.detector.contract import Detections, Targets
from smnas.detector.detector import Detector

MakeTargets = Callable[..., Targets]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def random_boxes(
    shape: tuple[int, ...], size: tuple[int, int], generator: torch.Generator
) -> torch.Tensor:
    """Return boxes of at least 4 pixels inside ``size`` (height, width)."""
    height, width = size
    limits = torch.tensor([width, height], dtype=torch.float32)
    start = torch.rand(*shape, 2, generator=generator) * (limits - 4)
    end = start + 4 + torch.rand(*shape, 2, generator=generator) * (limits - 4 - start)
    return torch.cat((start, end), dim=-1)


@pytest.fixture
def make_targets(generator: torch.Generator) -> MakeTargets:
    """Return a maker of targets: ``make_targets(batch, boxes, classes, (height, width))``."""

    def make(batch: int, boxes: int, classes: int, size: tuple[int, int]) -> Targets:
        return Targets(
            boxes_BG4=random_boxes((batch, boxes), size, generator),
            labels_BG=torch.randint(classes, (batch, boxes), generator=generator),
            valid_BG=torch.rand(batch, boxes, generator=generator) < 0.8,
            ignore_BG=torch.rand(batch, boxes, generator=generator) < 0.2,
        )

    return make


@pytest.fixture
def check_training_step() -> Callable[[Detector, Tensor, Targets], None]:
    """Return a check: ``check_training_step(detector, images, targets)``."""
    return _check_training_step


@pytest.fixture
def check_detections() -> Callable[[Detector, Detections, int], None]:
    """Return a check of what a batch gave: ``check_detections(detector, found, batch)``."""
    return _check_detections


def _check_training_step(detector: Detector, images: Tensor, targets: Targets) -> None:
    """One step gives finite losses, and a finite gradient in every parameter."""
    detector.train()
    losses = detector(images, targets)
    assert isinstance(losses, dict)
    for name, loss in losses.items():
        assert loss.dtype == torch.float32, name
        assert loss.shape == (), name
        assert loss.isfinite(), name
    torch.stack(list(losses.values())).sum().backward()
    for name, parameter in detector.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def _check_detections(detector: Detector, found: Detections, batch: int) -> None:
    count = detector.arch.head.detections
    height, width = detector.arch.input.padded
    assert found.boxes_BD4.shape == (batch, count, 4)
    assert found.boxes_BD4.dtype == found.scores_BD.dtype == torch.float32
    assert found.labels_BD.dtype == torch.int64
    boxes, scores = found.boxes_BD4[found.valid_BD], found.scores_BD[found.valid_BD]
    assert (boxes >= 0).all()
    assert (boxes <= torch.tensor([width, height, width, height])).all()
    assert ((boxes[:, 2:] - boxes[:, :2]) > 0).all()
    assert ((scores > detector.arch.head.score) & (scores <= 1)).all()
    assert (found.labels_BD >= 0).all()
    assert (found.labels_BD < detector.num_classes).all()
    assert (found.scores_BD.diff(dim=1) <= 0).all()
    assert (found.valid_BD.int().diff(dim=1) <= 0).all()
