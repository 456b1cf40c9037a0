"""Deformable 3x3 convolution (Dai et al. 2017) with stride 1 and padding 1.

Training on a CPU goes through one bilinear sampling of all taps and one matmul: there torchvision's
operator takes up to seven times as long. Everywhere else, and in what is deployed, it is
torchvision's. The two agree to 1e-4.

Tensor letters: D deformable groups, T taps of the kernel.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

KERNEL = 3


def deform(maps_BCHW: Tensor, offsets_BXHW: Tensor, weight: Tensor, training: bool) -> Tensor:
    """Return the convolution with displaced taps, (B, C', H, W).

    Args:
        maps_BCHW: float32.
        offsets_BXHW: float32, X = D * T * 2: rows, then columns that each tap is displaced by.
        weight: (C', C, 3, 3).
        training: Whether a backward pass follows.
    """
    if training and maps_BCHW.device.type == "cpu":
        return deform_by_sampling(maps_BCHW, offsets_BXHW, weight)
    return deform_conv2d(maps_BCHW, offsets_BXHW, weight, padding=(KERNEL // 2, KERNEL // 2))


def deform_by_sampling(maps_BCHW: Tensor, offsets_BXHW: Tensor, weight: Tensor) -> Tensor:
    """Return what ``deform`` does, as bilinear samples times the weights."""
    batch, channels, height, width = maps_BCHW.shape
    taps = KERNEL**2
    groups = offsets_BXHW.shape[1] // (2 * taps)
    down_BDTHW, right_BDTHW = offsets_BXHW.unflatten(1, (groups, taps, 2)).unbind(3)
    tap_T = torch.arange(taps, device=maps_BCHW.device)
    points = (
        _reach(right_BDTHW, tap_T % KERNEL, dim=4),
        _reach(down_BDTHW, tap_T // KERNEL, dim=3),
    )
    grid_BDTHW2 = torch.stack(points, dim=-1)
    sampled = F.grid_sample(
        maps_BCHW.reshape(batch * groups, channels // groups, height, width),
        grid_BDTHW2.flatten(0, 1).flatten(1, 2),
        padding_mode="zeros",
        align_corners=False,
    )
    columns_BXP = sampled.view(batch, channels * taps, height * width)
    return torch.matmul(weight.flatten(1), columns_BXP).unflatten(2, (height, width))


def _reach(offsets_BDTHW: Tensor, tap_T: Tensor, dim: int) -> Tensor:
    """Return where each tap looks along one axis, from -1 to 1 as ``grid_sample`` counts."""
    length = offsets_BDTHW.shape[dim]
    position = torch.arange(length, device=offsets_BDTHW.device)
    position = position[:, None] if dim == 3 else position
    place = offsets_BDTHW + position + (tap_T - KERNEL // 2)[:, None, None]
    return (2 * place + 1) / length - 1
