"""Losses, summed over what they are given, in float32."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def smooth_l1_sum(predicted: Tensor, wanted: Tensor, beta: float) -> Tensor:
    """Return the sum of the smooth L1 loss, quadratic below ``beta`` (0: plain L1)."""
    return F.smooth_l1_loss(predicted.float(), wanted, reduction="sum", beta=beta)


def focal_sum(
    logits_BSKP: Tensor,
    positive: tuple[Tensor, Tensor, Tensor, Tensor],
    counts_BSP: Tensor,
    alpha: float,
    gamma: float,
) -> Tensor:
    """Return the sum of the sigmoid focal loss (Lin et al. 2017, equation 5).

    Written for few positives among many negatives: all logits are taken as negatives first and the
    positive ones put right after, and the gradient is worked out beside the loss, which spares most
    of the memory that a loss made of single operations would keep.

    Args:
        logits_BSKP: Any float type; one per anchor (S, P) and class K.
        positive: Indices along B, S, K and P of the logits that should be 1.
        counts_BSP: bool: anchors that count; the others have no loss at all.
        alpha: Weight of positives; negatives have 1 - alpha.
        gamma: How much well-classified logits are weighted down.
    """
    return _Focal.apply(logits_BSKP, positive, counts_BSP, alpha, gamma)


class _Focal(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] - any arguments are allowed
        ctx: Any,
        logits_BSKP: Tensor,
        positive: tuple[Tensor, Tensor, Tensor, Tensor],
        counts_BSP: Tensor,
        alpha: float,
        gamma: float,
    ) -> Tensor:
        logits = logits_BSKP.float()
        counts = counts_BSP[:, :, None]
        loss, slope = _one_sided(logits, 1 - alpha, gamma)
        loss *= counts
        slope *= counts
        total = loss.sum() - loss[positive].sum()
        # A positive with logit x costs what a negative with logit -x does.
        loss, positive_slope = _one_sided(-logits[positive], alpha, gamma)
        slope[positive] = -positive_slope
        ctx.save_for_backward(slope.to(logits_BSKP.dtype))
        return total + loss.sum()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - the wrapper renames it
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, None, None, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * grads[0].to(slope.dtype), None, None, None, None


def _one_sided(logits: Tensor, weight: float, gamma: float) -> tuple[Tensor, Tensor]:
    """Return loss and slope of logits that should be 0: ``weight * p^gamma * -log(1 - p)``."""
    probability = logits.sigmoid()
    surprise = F.softplus(logits)
    scale = probability.pow(gamma).mul_(weight)
    loss = surprise * scale
    slope = surprise.mul_(1 - probability).mul_(gamma).add_(probability).mul_(scale)
    return loss, slope
