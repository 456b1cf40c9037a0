"""Feature pyramid (Lin et al. 2017; paper.md 6.5)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from smnas.arch.parts import ExtraLevels, FpnNeck, Norm
from smnas.detector.autocasting import float32_on
from smnas.detector.contract import FeatureSpec
from smnas.detector.norms import ConvNorm, make_conv, norm_outside_backbone


class Fpn(nn.Module):
    """Laterals 1x1, nearest up-sampling to the finer map's size, addition, output convolutions 3x3.

    Levels above the highest lateral come from ``extra``: stride-2 pooling of the last output, or
    stride-2 convolutions, the first on the last output (then with a ReLU before the others, as in
    torchvision's RetinaNet) or on the backbone's last map (without, as in mmdetection).
    """

    def __init__(
        self,
        laterals: Sequence[nn.Module],
        outputs: Sequence[nn.Module],
        extras: Sequence[nn.Module],
        extra: ExtraLevels,
        specs: tuple[FeatureSpec, ...],
    ) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(laterals)
        self.outputs = nn.ModuleList(outputs)
        self.extras = nn.ModuleList(extras)
        self.extra = extra
        self.specs = specs

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the output maps, finest first.

        Args:
            maps: The backbone's maps of the lateral levels, finest first.
        """
        merged = self.laterals[-1](maps[-1])
        found = [self.outputs[-1](merged)]
        for level in range(len(maps) - 2, -1, -1):
            finer = self.laterals[level](maps[level])
            merged = finer + F.interpolate(merged, size=finer.shape[-2:], mode="nearest")
            found.append(self.outputs[level](merged))
        found.reverse()
        return self._add_extra_levels(found, maps[-1])

    def _add_extra_levels(self, found: list[Tensor], last_map: Tensor) -> list[Tensor]:
        for position, conv in enumerate(self.extras):
            if self.extra == "pool":
                source = found[-1]
            elif position == 0:
                source = last_map if self.extra == "conv-in" else found[-1]
            else:
                source = F.relu(found[-1]) if self.extra == "conv" else found[-1]
            found.append(_extend(conv, source))
        return found


def _extend(conv: nn.Module, maps_BCHW: Tensor) -> Tensor:
    """Return one level more; from a single position in float32.

    On a CPU the weight gradient of a bf16 convolution with stride 2 over a single position is
    partly memory that nobody wrote (torch 2.14, oneDNN).
    """
    if maps_BCHW.shape[-2:] != (1, 1):
        return conv(maps_BCHW)
    with float32_on(maps_BCHW.device.type):
        return conv(maps_BCHW.float()).to(maps_BCHW.dtype)


def build_fpn(arch: FpnNeck, inputs: Sequence[FeatureSpec], norm: Norm) -> Fpn:
    """Return the pyramid over the backbone's maps, with Xavier-uniform initial weights.

    Args:
        arch: Levels, width and kind of extra levels.
        inputs: What the backbone hands out, one per lateral level.
        norm: ``gn-ws`` puts GN + WS behind every convolution, ``gn`` GN; ``bn`` gives biases.
    """
    width, behind = arch.width, norm_outside_backbone(norm)

    def conv(channels: int, kernel: int, stride: int = 1) -> nn.Module:
        return ConvNorm(behind, make_conv(behind, channels, width, kernel, stride))

    strides = [spec.stride for spec in inputs]
    extras: list[nn.Module] = []
    for position in range(len(arch.levels) - len(inputs)):
        strides.append(strides[-1] * 2)
        on_map = arch.extra == "conv-in" and position == 0
        channels = inputs[-1].channels if on_map else width
        pool = nn.MaxPool2d(kernel_size=1, stride=2)
        extras.append(pool if arch.extra == "pool" else conv(channels, 3, 2))
    fpn = Fpn(
        laterals=[conv(spec.channels, 1) for spec in inputs],
        outputs=[conv(width, 3) for _ in inputs],
        extras=extras,
        extra=arch.extra,
        specs=tuple(FeatureSpec(width, stride) for stride in strides),
    )
    for module in fpn.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return fpn
