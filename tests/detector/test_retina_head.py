from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from smnas.arch.parts import Norm
from smnas.arch.parts import RetinaHead as RetinaHeadArch
from smnas.detector import retina_head
from smnas.detector.batch_part import BatchPart
from smnas.detector.contract import FeatureSpec, Targets
from smnas.detector.loss_settings import RetinaLosses
from smnas.detector.retina_head import RetinaHead, build_retina_head

MakeTargets = Callable[..., Targets]
SPECS = [FeatureSpec(8, stride) for stride in (8, 16, 32)]
SIZE = (64, 96)


def build(norm: Norm = "bn") -> RetinaHead:
    torch.manual_seed(0)
    return build_retina_head(RetinaHeadArch(convs=2), SPECS, 3, norm, RetinaLosses())


def step(head: RetinaHead, targets: Targets) -> tuple[dict[str, Tensor], list[Tensor]]:
    """The losses of one step, and the gradients of all weights and maps."""
    generator = torch.Generator().manual_seed(2)
    maps = [
        torch.randn(2, 8, SIZE[0] // spec.stride, SIZE[1] // spec.stride, generator=generator)
        for spec in SPECS
    ]
    inputs = [*head.parameters(), *(level.requires_grad_() for level in maps)]
    losses = head.losses(maps, SIZE, targets, BatchPart(2))
    return losses, list(torch.autograd.grad(sum(losses.values(), torch.zeros(())), inputs))


def test_boxes_computed_where_objects_are_have_the_losses_and_gradients_of_all(
    make_targets: MakeTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, targets = build(), make_targets(2, 2, 3, SIZE)
    shares: list[float] = []
    plan = retina_head.plan_sites

    def spy(*arguments: Any) -> Any:
        sites = plan(*arguments)
        shares.append(sites.share)
        return sites

    monkeypatch.setattr(retina_head, "plan_sites", spy)
    monkeypatch.setattr(retina_head, "_MOST_SITES", 1.0)
    losses, grads = step(head, targets)
    monkeypatch.setattr(retina_head, "_MOST_SITES", 0.0)
    whole_losses, whole_grads = step(head, targets)
    assert 0 < shares[0] < 1
    for name, loss in losses.items():
        assert loss > 0
        torch.testing.assert_close(loss, whole_losses[name])
    for one, other in zip(grads, whole_grads, strict=True):
        assert (other != 0).any()
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_norms_look_at_all_positions(
    make_targets: MakeTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retina_head, "plan_sites", None)  # not to be called
    losses, grads = step(build("gn-ws"), make_targets(2, 2, 3, SIZE))
    assert all(loss > 0 for loss in losses.values())
    assert all(grad.isfinite().all() for grad in grads)
