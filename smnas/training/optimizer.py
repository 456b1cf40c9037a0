"""Parameter groups, the learning rate as a pure function of the step, and clipped gradients."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from smnas.training.recipe import Recipe, ScheduleSettings


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Split trainable parameters into those that decay and those that do not.

    Weights of convolutions and linear layers decay; everything with at most one axis (biases,
    norms, learned scales) does not.

    Args:
        module: The module to be trained.
        weight_decay: Decay of the first group.

    Returns:
        Groups as torch's optimizers take them; a group without parameters is left out.
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups: list[dict[str, object]] = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


OPTIMIZER_STATES = {"sgd": 1, "adamw": 2}
"""Numbers that an optimizer keeps for each weight."""


def build_optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimizer over the trainable parameters of ``module``."""
    settings = recipe.optimizer
    groups = parameter_groups(module, settings.weight_decay)
    rate = recipe.peak_learning_rate
    if settings.kind == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, fused=True)
    return torch.optim.AdamW(groups, lr=rate, betas=(settings.momentum, 0.999), fused=True)


def rate_share(step: int, steps: int, schedule: ScheduleSettings) -> float:
    """Return the learning rate of one step as a share of the peak.

    Linear warm-up that reaches the peak at its last step, then half a cosine whose last step is at
    ``final_fraction``; or, where the schedule has ``drops``, a tenth of the rate after each.

    Args:
        step: 0 to ``steps - 1``.
        steps: Steps of the whole training.
        schedule: Length of the warm-up, and the end of the cosine or the drops.

    Returns:
        A share above 0 and at most 1 (0 only where ``final_fraction`` is 0).
    """
    warmup = round(schedule.warmup_share * steps)
    if step < warmup:
        return (step + 1) / warmup
    if schedule.drops:
        return 0.1 ** sum(step >= drop * steps for drop in schedule.drops)
    last = steps - 1
    progress = (step - warmup) / (last - warmup) if last > warmup else 0.0
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    return schedule.final_fraction + (1.0 - schedule.final_fraction) * cosine


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale gradients in place to a joint L2 norm of at most ``max_norm``.

    Returns:
        The norm before scaling, as a tensor without axes; not finite where a gradient is not.
    """
    return nn.utils.clip_grad_norm_(parameters, max_norm, foreach=True)
