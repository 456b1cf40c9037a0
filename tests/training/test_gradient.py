"""The gradient of a batch that is computed in parts is that of the batch."""

import pytest
import torch
from torch import Tensor

from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.detector.contract import Targets
from smnas.detector.detector import Detector
from smnas.errors import TrainingError
from smnas.training.gradient import BatchGradient, kept_buffers
from smnas.training.recipe import LEAN_LOSSES

TINY = "96x64/basicblock_8_1-1-1-2/fpn-p2-p4-16"
HEADS = {
    "retina": "none/retina/convs=1",
    "rcnn": "rpn/rcnn/fc=32",
    "guided": "ga-rpn/rcnn/fc=32",
    "cascade": "rpn/cascade-2/fc=32",
}


def build(head: str, norm: str = "gn-ws") -> Detector:
    arch = DetectorArch.parse(f"{TINY}/{HEADS[head]}/norm={norm}")
    return build_detector(arch, 3, LEAN_LOSSES, seed=0)


@pytest.fixture
def batch() -> tuple[Tensor, Targets]:
    """Five pictures with zero to four objects each: every picture weighs differently."""
    draw = torch.Generator().manual_seed(1)
    start = torch.rand(5, 4, 2, generator=draw) * 40
    boxes = torch.cat((start, start + 8 + 16 * torch.rand(5, 4, 2, generator=draw)), dim=-1)
    valid = torch.arange(4) < torch.arange(5)[:, None]
    labels = torch.randint(3, (5, 4), generator=draw)
    images = torch.randn(5, 3, 64, 96, generator=draw)
    return images, Targets(boxes, labels, valid, torch.zeros_like(valid))


def gradients(detector: Detector) -> Tensor:
    return torch.cat([p.grad.flatten() for p in detector.parameters() if p.grad is not None])


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("parts", [2, 9])
def test_parts_give_the_gradient_of_the_whole(head, parts, batch) -> None:
    whole, divided = build(head), build(head)
    cpu = torch.device("cpu")
    expected = BatchGradient(whole, cpu, "float32").add(*batch, seed=5, first=0)
    found = BatchGradient(divided, cpu, "float32", parts=parts).add(*batch, seed=5, first=0)
    assert found.keys() == expected.keys()
    for name, loss in expected.items():
        torch.testing.assert_close(found[name], loss, rtol=1e-4, atol=1e-6)
    wanted = gradients(whole)
    assert (gradients(divided) - wanted).norm() < 1e-4 * wanted.norm()


def test_what_is_drawn_follows_the_seed_and_the_place(batch) -> None:
    cpu = torch.device("cpu")
    losses = []
    for seed, first in [(5, 0), (5, 0), (6, 0), (5, 1)]:
        step = BatchGradient(build("rcnn"), cpu, "float32")
        losses.append(step.add(*batch, seed=seed, first=first)["objectness"])
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    assert losses[0] != losses[3]


def test_statistics_are_taken_once(batch) -> None:
    detector = build("retina", "bn")
    BatchGradient(detector, torch.device("cpu"), "float32", parts=2).add(*batch, seed=5, first=0)
    norm = detector.get_submodule("backbone.stem.0.norm")
    assert norm.get_buffer("num_batches_tracked") == 2


def test_a_single_value_to_normalise_is_told_as_such(batch) -> None:
    images, targets = batch
    small = build_detector(
        DetectorArch.parse("32x32/basicblock_8_1-1-1-1/fpn-p2-p5-8/none/retina/convs=1"),
        3, LEAN_LOSSES, seed=0,
    )  # fmt: skip
    gradient = BatchGradient(small.train(), torch.device("cpu"), "float32")
    with pytest.raises(TrainingError, match=r"1 picture .* is 1x1.*norm=gn"):
        gradient.add(images[:1, :, :32, :32], targets.of_pictures(slice(0, 1)), seed=5, first=0)
    assert gradient.add(images[:2, :, :32, :32], targets.of_pictures(slice(2)), seed=5, first=0)


def test_kept_buffers_come_back_after_an_error() -> None:
    norm = torch.nn.BatchNorm2d(2)
    with pytest.raises(RuntimeError, match="running_mean"), kept_buffers(norm):
        norm(norm(torch.randn(2, 2, 4, 4))[:, :1])
    assert not norm.get_buffer("running_mean").any()
