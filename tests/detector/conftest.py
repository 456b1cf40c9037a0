"""Fixtures of the detector room: pictures and ground truth made from a seed."""

from collections.abc import Callable

import pytest
import torch

from smnas.detector.contract import Targets

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
