"""Residual blocks of searched backbones (SM-NAS section 3.2; paper.md 2.1 and 2.2).

``planes`` is a block's width before expansion; its output has ``planes * expansion`` channels. A
1x1 projection stands on the shortcut wherever stride or width change.
"""

from typing import Protocol, cast

from torch import Tensor, nn

from smnas.arch.parts import Block, Norm
from smnas.detector.norms import ConvNorm, make_conv

EXPANSION: dict[Block, int] = {"basicblock": 1, "bottleneck": 4, "xbottleneck": 4, "inverted": 1}
"""Output channels of a block per plane."""
_INVERTED_EXPANSION = 6


class BlockBuilder(Protocol):
    """What every block builder takes: widths, stride, the backbone's base and the norm."""

    def __call__(
        self, in_channels: int, planes: int, stride: int, base: int, norm: Norm
    ) -> nn.Module:
        """Return one block."""
        ...


class Residual(nn.Module):
    """``relu(path(x) + shortcut(x))``."""

    def __init__(self, path: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.path = path
        self.shortcut = shortcut
        self.activation = nn.ReLU(inplace=True)

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        """Return the block's output, at the block's stride."""
        path = self.path(maps_BCHW)
        path += self.shortcut(maps_BCHW)
        return self.activation(path)


class LinearResidual(nn.Module):
    """``path(x) + x``, without an activation behind it (MobileNetV2)."""

    def __init__(self, path: nn.Module) -> None:
        super().__init__()
        self.path = path

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        """Return the block's output, of the input's shape."""
        return self.path(maps_BCHW) + maps_BCHW


def start_as_shortcut(block: nn.Module) -> bool:
    """Let a residual block begin as the function of its shortcut: its path ends in zeros.

    Args:
        block: Ours, or one of timm's ResNets.

    Returns:
        False, and nothing changed, where the shortcut is not plain: width or stride change.
    """
    zero = getattr(block, "zero_init_last", None)
    if zero is not None and getattr(block, "downsample", None) is None:
        zero()
        return True
    plain = isinstance(block, LinearResidual) or (
        isinstance(block, Residual) and isinstance(block.shortcut, nn.Identity)
    )
    if plain:
        last = cast(nn.Sequential, block.path)[-1]
        for parameter in cast(nn.Module, last.norm).parameters():
            nn.init.zeros_(parameter)
    return plain


def build_basic(in_channels: int, planes: int, stride: int, base: int, norm: Norm) -> nn.Module:
    """Return two 3x3 convolutions with a shortcut (He et al. 2016)."""
    path = nn.Sequential(
        ConvNorm(norm, make_conv(norm, in_channels, planes, 3, stride), nn.ReLU(inplace=True)),
        ConvNorm(norm, make_conv(norm, planes, planes, 3)),
    )
    return Residual(path, _shortcut(in_channels, planes, stride, norm))


def build_bottleneck(
    in_channels: int, planes: int, stride: int, base: int, norm: Norm
) -> nn.Module:
    """Return 1x1, 3x3, 1x1 with a shortcut; the stride sits on the 3x3 (paper.md 2.1)."""
    return _bottleneck(in_channels, planes, planes, stride, 1, norm)


def build_xbottleneck(
    in_channels: int, planes: int, stride: int, base: int, norm: Norm
) -> nn.Module:
    """Return a bottleneck with ``base / 2`` groups at inner width ``2 * planes`` (ResNeXt).

    These are the proportions of ResNeXt 32x4d at base 64; which rule SM-NAS used is not known
    (paper.md 2.2).
    """
    return _bottleneck(in_channels, planes, 2 * planes, stride, base // 2, norm)


def build_inverted(in_channels: int, planes: int, stride: int, base: int, norm: Norm) -> nn.Module:
    """Return 1x1 to six times the width, depthwise 3x3, linear 1x1 (Sandler et al. 2018)."""
    inner = in_channels * _INVERTED_EXPANSION
    path = nn.Sequential(
        ConvNorm(norm, make_conv(norm, in_channels, inner, 1), nn.ReLU6(inplace=True)),
        ConvNorm(norm, make_conv(norm, inner, inner, 3, stride, inner), nn.ReLU6(inplace=True)),
        ConvNorm(norm, make_conv(norm, inner, planes, 1)),
    )
    return LinearResidual(path) if stride == 1 and in_channels == planes else path


BLOCK_BUILDERS: dict[Block, BlockBuilder] = {
    "basicblock": build_basic,
    "bottleneck": build_bottleneck,
    "xbottleneck": build_xbottleneck,
    "inverted": build_inverted,
}


def _bottleneck(
    in_channels: int, planes: int, inner: int, stride: int, groups: int, norm: Norm
) -> nn.Module:
    out_channels = planes * EXPANSION["bottleneck"]
    path = nn.Sequential(
        ConvNorm(norm, make_conv(norm, in_channels, inner, 1), nn.ReLU(inplace=True)),
        ConvNorm(norm, make_conv(norm, inner, inner, 3, stride, groups), nn.ReLU(inplace=True)),
        ConvNorm(norm, make_conv(norm, inner, out_channels, 1)),
    )
    return Residual(path, _shortcut(in_channels, out_channels, stride, norm))


def _shortcut(in_channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return ConvNorm(norm, make_conv(norm, in_channels, out_channels, 1, stride))
