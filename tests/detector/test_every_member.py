"""Structures drawn from the known spaces: one training step reaches every parameter."""

import pytest
import torch
from torch import Tensor

from smnas.arch import DetectorArch
from smnas.arch.parts import FpnNeck, InputSize, NoProposals, RetinaHead
from smnas.detector.build import build_detector
from smnas.detector.contract import Targets
from smnas.detector.detector import Detector
from smnas.detector.loss_settings import RpnLosses, SampleSettings
from smnas.seeding import generator
from smnas.space.known import known_space
from smnas.training.recipe import LEAN_LOSSES

COUNTS = {"micro": 60, "paper": 30}
FAST = 8
"""So many of each space are in the fast run."""
LOSSES = LEAN_LOSSES.model_copy(
    update={"rpn": RpnLosses(sample=SampleSettings(count=10_000, positive_share=0.5), kept=50)}
)
"""All anchors count, so that a small level's gradient does not hang on the draw."""
CLASSES = 3


def draw_members(name: str) -> list[DetectorArch]:
    structures, rng = known_space(name).structural, generator(0, "members", name)
    found: dict[str, DetectorArch] = {}
    while len(found) < COUNTS[name]:
        arch = structures.sample(rng)
        found[arch.arch_id] = shrink(arch) if name == "paper" else arch
    return list(found.values())


def shrink(arch: DetectorArch) -> DetectorArch:
    """Return the structure at a tenth of its input's sides, with narrow neck and head."""
    size, neck, head, proposals = arch.input, arch.neck, arch.head, arch.proposals
    if isinstance(neck, FpnNeck):
        neck = neck.model_copy(update={"width": 16})
    if not isinstance(head, RetinaHead):
        head = head.model_copy(update={"fc": 32})
    if not isinstance(proposals, NoProposals):
        proposals = proposals.model_copy(update={"pre_nms": 100, "kept": 50})
    small = InputSize(width=size.width // 10, height=size.height // 10)
    return arch.replace(input=small, neck=neck, head=head, proposals=proposals)


def draw_objects(batch: int, height: int, width: int) -> Targets:
    """Return squares of 8, 16, 32 ... pixels and one box as large as the picture, in each picture.

    Every level then has something to find.
    """
    draw = torch.Generator().manual_seed(0)
    sides: list[int] = []
    while 8 << len(sides) < min(height, width):
        sides.append(8 << len(sides))
    sides_G = torch.tensor(sides, dtype=torch.float32)
    room_G2 = torch.tensor([width, height]) - sides_G[:, None]
    start_BG2 = torch.rand(batch, len(sides), 2, generator=draw) * room_G2
    squares_BG4 = torch.cat((start_BG2, start_BG2 + sides_G[:, None]), dim=-1)
    whole_B14 = torch.tensor([0.0, 0, width, height]).expand(batch, 1, 4)
    boxes_BG4 = torch.cat((squares_BG4, whole_B14), dim=1)
    labels_BG = torch.randint(CLASSES, boxes_BG4.shape[:2], generator=draw)
    everywhere = torch.ones_like(labels_BG, dtype=torch.bool)
    return Targets(boxes_BG4, labels_BG, everywhere, ~everywhere)


def find_untaught(detector: Detector, images: Tensor, targets: Targets) -> list[str]:
    """Return the parameters to which the losses give a gradient of 0, leaving it in all of them."""
    losses = detector(images, targets)
    assert isinstance(losses, dict)
    assert not [name for name, loss in losses.items() if not loss.isfinite()]
    detector.zero_grad()
    torch.stack(list(losses.values())).sum().backward()
    zero: list[str] = []
    for name, parameter in detector.named_parameters():
        assert parameter.grad is not None, f"{name} takes no part"
        assert parameter.grad.isfinite().all(), name
        if not parameter.grad.any():
            zero.append(name)
    return zero


@pytest.mark.parametrize(
    "arch",
    [
        pytest.param(arch, id=str(arch), marks=[pytest.mark.slow] if place >= FAST else [])
        for name in COUNTS
        for place, arch in enumerate(draw_members(name))
    ],
)
def test_one_step_teaches_every_parameter(arch: DetectorArch) -> None:
    detector = build_detector(arch, CLASSES, LOSSES, seed=0)
    height, width = arch.input.padded
    images = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    targets = draw_objects(2, height, width)
    untaught = find_untaught(detector, images, targets)
    if untaught:
        # timm's residual blocks start as the identity: their last norm scales by 0, and what is
        # before it learns from the second step on.
        assert all(name.startswith("backbone.body.") for name in untaught), untaught
        torch.optim.SGD(detector.parameters(), lr=1e-3).step()
        assert not find_untaught(detector, images, targets)
