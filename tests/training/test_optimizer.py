import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from smnas.training.optimizer import (
    build_optimizer,
    clip_gradients,
    parameter_groups,
    rate_share,
    set_learning_rate,
)
from smnas.training.recipe import OptimizerSettings, Recipe, ScheduleSettings


def small_net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(4, 8), nn.Flatten(), nn.Linear(8, 2))


def test_schedule_has_the_values_of_its_definition() -> None:
    schedule = ScheduleSettings(warmup_share=0.2, final_fraction=0.1)
    shares = [rate_share(step, 11, schedule) for step in range(11)]
    assert shares[:2] == [0.5, 1.0]
    assert shares[2] == 1.0
    assert shares[6] == pytest.approx(0.1 + 0.9 * 0.5)
    assert shares[-1] == pytest.approx(0.1)


def test_cosine_is_torchs_where_there_is_no_warmup() -> None:
    steps, peak, final = 40, 0.3, 0.05
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, T_max=steps - 1, eta_min=final * peak
    )
    schedule = ScheduleSettings(warmup_share=0.0, final_fraction=final)
    for step in range(steps):
        assert peak * rate_share(step, steps, schedule) == pytest.approx(
            reference.get_last_lr()[0], rel=1e-6
        )
        optimizer.step()
        reference.step()


@settings(deadline=None, max_examples=100)
@given(
    steps=st.integers(1, 500),
    warmup=st.floats(0, 1),
    final=st.floats(0, 1),
)
def test_schedule_rises_then_falls_and_stays_in_range(
    steps: int, warmup: float, final: float
) -> None:
    schedule = ScheduleSettings(warmup_share=warmup, final_fraction=final)
    shares = [rate_share(step, steps, schedule) for step in range(steps)]
    rising = round(warmup * steps)
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert all(math.isfinite(share) for share in shares)
    assert shares[:rising] == sorted(shares[:rising])
    assert shares[rising:] == sorted(shares[rising:], reverse=True)


def test_drops_divide_the_rate_by_ten_after_the_warmup() -> None:
    """The 2x schedule of 24 epochs, with steps of an epoch: drops after epochs 16 and 22."""
    schedule = ScheduleSettings(warmup_share=1 / 12, drops=(16 / 24, 22 / 24))
    shares = [rate_share(step, 24, schedule) for step in range(24)]
    assert shares == pytest.approx([0.5] + [1.0] * 15 + [0.1] * 6 + [0.01] * 2)


def test_norms_and_biases_do_not_decay() -> None:
    net = small_net()
    decaying, plain = parameter_groups(net, weight_decay=0.1)
    assert decaying["weight_decay"] == 0.1
    assert plain["weight_decay"] == 0.0
    assert decaying["params"] == [net[0].weight, net[3].weight]
    assert len(plain["params"]) == 4


def test_frozen_parameters_are_left_out() -> None:
    net = small_net()
    for parameter in net.parameters():
        parameter.requires_grad_(parameter.ndim > 1)
    groups = parameter_groups(net, weight_decay=0.1)
    assert [len(group["params"]) for group in groups] == [2]


@pytest.mark.parametrize(
    ("kind", "type_"), [("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)]
)
def test_learning_rate_scales_with_the_batch(kind: str, type_: type) -> None:
    recipe = Recipe(batch=8, optimizer=OptimizerSettings(kind=kind, learning_rate=0.02))
    optimizer = build_optimizer(small_net(), recipe)
    assert isinstance(optimizer, type_)
    assert {group["lr"] for group in optimizer.param_groups} == {0.01}
    set_learning_rate(optimizer, 0.5)
    assert {group["lr"] for group in optimizer.param_groups} == {0.5}


def test_clipping_bounds_the_joint_norm_and_tells_what_it_was() -> None:
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    first.grad, second.grad = torch.tensor([3.0]), torch.tensor([4.0])
    assert clip_gradients([first, second], 1.0).item() == pytest.approx(5.0)
    assert first.grad.item() == pytest.approx(0.6, rel=1e-4)
    assert second.grad.item() == pytest.approx(0.8, rel=1e-4)
    assert clip_gradients([first, second], 10.0).item() == pytest.approx(1.0, rel=1e-4)
    assert second.grad.item() == pytest.approx(0.8, rel=1e-4)
