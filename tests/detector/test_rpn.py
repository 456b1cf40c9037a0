from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from smnas.arch.parts import Anchors, Norm
from smnas.arch.parts import Rpn as RpnArch
from smnas.detector.batch_part import BatchPart
from smnas.detector.contract import FeatureSpec, Targets
from smnas.detector.loss_settings import RpnLosses
from smnas.detector.rpn import Rpn, build_rpn

MakeTargets = Callable[..., Targets]
ARCH = RpnArch(anchors=Anchors(scale=4, octaves=1))
SPECS = [FeatureSpec(8, stride) for stride in (8, 16, 32)]


def draw_maps(batch: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [
        torch.randn(batch, 8, 64 // spec.stride, 96 // spec.stride, generator=generator)
        for spec in SPECS
    ]


def build(norm: Norm = "bn") -> Rpn:
    torch.manual_seed(0)
    return build_rpn(ARCH, SPECS, norm, RpnLosses())


def step(rpn: Rpn, maps: list[Tensor], targets: Targets) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The losses of one step, and the gradients of all weights and maps."""
    inputs = [*rpn.parameters(), *(level.requires_grad_() for level in maps)]
    losses = rpn.losses(rpn(maps), targets, BatchPart(1))
    return losses, list(torch.autograd.grad(sum(losses.values(), torch.zeros(())), inputs))


def test_sampled_anchors_alone_have_the_losses_and_gradients_of_the_whole(
    make_targets: MakeTargets,
) -> None:
    targets = make_targets(2, 5, 1, (64, 96))
    rpn, maps = build(), draw_maps(2)
    losses, grads = step(rpn, maps, targets)
    rpn._is_local = False
    whole_losses, whole_grads = step(rpn, maps, targets)
    for name, loss in losses.items():
        assert loss > 0
        torch.testing.assert_close(loss, whole_losses[name])
    for one, other in zip(grads, whole_grads, strict=True):
        assert (other != 0).any()
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("norm", ["bn", "gn-ws", "gn"])
def test_every_weight_has_a_gradient_in_half_precision(
    norm: Norm, make_targets: MakeTargets
) -> None:
    targets = make_targets(2, 5, 1, (64, 96))
    rpn = build(norm)
    with torch.autocast("cpu", torch.bfloat16):
        _, grads = step(rpn, draw_maps(2), targets)
    assert all((grad != 0).any() for grad in grads)
