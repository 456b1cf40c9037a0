"""Losses, summed over what they are given, in float32."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from smnas.detector.chunks import picture_chunks


def smooth_l1_sum(predicted: Tensor, wanted: Tensor, beta: float) -> Tensor:
    """Return the sum of the smooth L1 loss, quadratic below ``beta`` (0: plain L1)."""
    return F.smooth_l1_loss(predicted.float(), wanted, reduction="sum", beta=beta)


def focal_sum(
    logits_BSKP: Tensor,
    positive: tuple[Tensor, Tensor, Tensor, Tensor],
    weights_BSP: Tensor,
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
        weights_BSP: bool or float: how much each anchor counts; 1 where it has a positive.
        alpha: Weight of positives; negatives have 1 - alpha.
        gamma: How much well-classified logits are weighted down.
    """
    return _Focal.apply(logits_BSKP, positive, weights_BSP, alpha, gamma)


class _Focal(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] - any arguments are allowed
        ctx: Any,
        logits_BSKP: Tensor,
        positive: tuple[Tensor, Tensor, Tensor, Tensor],
        weights_BSP: Tensor,
        alpha: float,
        gamma: float,
    ) -> Tensor:
        slope_BSKP = torch.empty_like(logits_BSKP)
        total = logits_BSKP.new_zeros((), dtype=torch.float32)
        batch, per_picture = len(logits_BSKP), logits_BSKP[:1].numel()
        for pictures in picture_chunks(batch, per_picture, logits_BSKP.device):
            loss, slope = _one_sided(logits_BSKP[pictures].float(), 1 - alpha, gamma)
            weights = weights_BSP[pictures, :, None]
            total += loss.mul_(weights).sum()
            slope_BSKP[pictures] = slope.mul_(weights)
        # A positive with logit x costs what a negative with logit -x does.
        logits_N = logits_BSKP[positive].float()
        loss_N, slope_N = _one_sided(-logits_N, alpha, gamma)
        total += loss_N.sum() - _one_sided(logits_N, 1 - alpha, gamma)[0].sum()
        slope_BSKP[positive] = -slope_N.to(slope_BSKP.dtype)
        ctx.save_for_backward(slope_BSKP)
        return total

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
    # softplus, without log1p, which costs several times as much and differs below 1e-7 only.
    surprise = logits.abs().neg_().exp_().add_(1).log_().add_(logits.clamp(min=0))
    scale = probability.pow(gamma).mul_(weight)
    loss = surprise * scale
    slope = surprise.mul_(1 - probability).mul_(gamma).add_(probability).mul_(scale)
    return loss, slope
