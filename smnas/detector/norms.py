"""Normalisation: BN, or GN with or without weight-standardised convolutions; folding BN away.

``bn`` belongs to the backbone only: there it folds into the convolutions, and neck and heads have
biases instead. ``gn-ws`` and ``gn`` stand behind every convolution (paper.md 4.3).
"""

from collections import OrderedDict
from collections.abc import Sequence
from math import gcd
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from smnas.arch.parts import Norm

MAX_GROUPS = 8
"""Divides every base width of the paper's search set; fewer where a width needs it."""
_STD_EPSILON = 1e-5


def make_norm(norm: Norm, channels: int) -> nn.Module:
    """Return a batch norm, or a group norm of gcd(8, ``channels``) groups."""
    if norm == "bn":
        return nn.BatchNorm2d(channels)
    return nn.GroupNorm(count_groups(channels), channels)


def count_groups(channels: int) -> int:
    """Return the groups of a group norm: 8, or the most that divides both 8 and ``channels``."""
    return gcd(MAX_GROUPS, channels)


def norm_outside_backbone(norm: Norm) -> Norm | None:
    """Return the norm of neck and heads: none where the arch says ``bn``, biases stand instead."""
    return None if norm == "bn" else norm


def make_conv(
    norm: Norm | None,
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int = 1,
    groups: int = 1,
) -> nn.Conv2d:
    """Return a same-padded convolution that fits what follows it.

    Args:
        norm: The norm behind it: then it has no bias, and ``gn-ws`` standardises its weights;
            None: no norm behind it, and a bias.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Side of the kernel, odd.
        stride: Step in input positions.
        groups: Groups of channels that do not see each other.
    """
    kind = WeightStandardConv2d if norm == "gn-ws" else nn.Conv2d
    return kind(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        padding=kernel // 2,
        groups=groups,
        bias=norm is None,
    )


class ConvNorm(nn.Sequential):
    """A convolution, its norm where it has one, and an activation where one is handed in."""

    conv: nn.Conv2d
    has_norm: bool

    def __init__(
        self, norm: Norm | None, conv: nn.Conv2d, activation: nn.Module | None = None
    ) -> None:
        parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
        if norm is not None:
            parts["norm"] = make_norm(norm, conv.out_channels)
        if activation is not None:
            parts["activation"] = activation
        super().__init__(parts)
        self.has_norm = norm is not None

    def over_levels(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the output of each of several maps; weights are standardised once for all."""
        conv = self.conv
        weight = standardise(conv.weight) if isinstance(conv, WeightStandardConv2d) else conv.weight
        behind = list(self)[1:]
        outputs: list[Tensor] = []
        for maps_BCHW in maps:
            output = F.conv2d(
                maps_BCHW, weight, conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups
            )
            for layer in behind:
                output = layer(output)
            outputs.append(output)
        return outputs


class WeightStandardConv2d(nn.Conv2d):
    """A convolution whose filters have mean 0 and deviation 1 (Qiao et al. 2019; paper.md 4.3).

    Each filter is centred and divided by its unbiased standard deviation + 1e-5, in float32 also
    under autocast.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Convolve ``input`` with the standardised filters."""
        weight = standardise(self.weight)
        return F.conv2d(
            input, weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


def standardise(weight: Tensor) -> Tensor:
    """Return ``weight`` (out, in, h, w) with each filter at mean 0 and deviation 1, in float32."""
    return _Standardise.apply(weight)


class _Standardise(torch.autograd.Function):
    """Weight standardisation with its gradient worked out: a third of autograd's time.

    It runs for every convolution of every step, where the maps of a small detector cost little.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        filters = weight.float().flatten(1)
        degrees = filters.shape[1] - 1
        centred = filters - filters.mean(dim=1, keepdim=True)
        std = torch.linalg.vector_norm(centred, dim=1, keepdim=True).div_(degrees**0.5)
        scale = 1 / (std + _STD_EPSILON)
        standard = centred.mul_(scale)
        ctx.save_for_backward(standard, scale, std * degrees)
        return standard.view(weight.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        standard, scale, spread = ctx.saved_tensors
        grad = grads[0].float().flatten(1)
        along = (grad * standard).sum(dim=1, keepdim=True) / spread.clamp(min=_STD_EPSILON)
        centred = (grad - grad.mean(dim=1, keepdim=True)).mul_(scale)
        return centred.sub_(standard * along).view(grads[0].shape)


def fold_batch_norms(module: nn.Module) -> int:
    """Fold every batch norm into the convolution before it, in place; ``module`` is for eval after.

    A batch norm is folded where its parent has a convolution of equal width registered right before
    it (activations and identities may stand between), which holds for every backbone of the family.

    Returns:
        How many batch norms were folded.
    """
    folded = 0
    for parent in list(module.modules()):
        conv: nn.Conv2d | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                conv = child
            elif isinstance(child, nn.BatchNorm2d) and conv is not None:
                if conv.out_channels == child.num_features and _fold(conv, child):
                    # timm's batch norms carry their activation.
                    setattr(parent, name, cast(nn.Module, getattr(child, "act", nn.Identity())))
                    folded += 1
                conv = None
    return folded


def fold_weight_standards(module: nn.Module) -> None:
    """Standardise weights once and for all, in place; ``module`` is for eval after.

    What is folded computes the same: a plain convolution with the standardised filters.
    """
    for parent in list(module.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, WeightStandardConv2d):
                setattr(parent, name, _plain_conv(part))
        if getattr(parent, "standardised", False):  # a deformable one
            weight = standardise(parent.get_parameter("weight")).detach()
            parent.register_parameter("weight", nn.Parameter(weight))
            parent.__dict__["standardised"] = False


def _plain_conv(conv: WeightStandardConv2d) -> nn.Conv2d:
    """Return the convolution that computes the same without standardising."""
    plain = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        (conv.kernel_size[0], conv.kernel_size[1]),
        stride=(conv.stride[0], conv.stride[1]),
        padding=cast(Any, conv.padding),
        dilation=(conv.dilation[0], conv.dilation[1]),
        groups=conv.groups,
        bias=conv.bias is not None,
        device="meta",
    )
    plain.weight = nn.Parameter(standardise(conv.weight).detach())
    plain.bias = conv.bias
    return plain


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> bool:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        return False
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )
    return True
