"""Backbones built from a code such as ``12-11111-211-1112`` (SM-NAS section 3.2; paper.md 2.1)."""

from collections.abc import Sequence

from torch import Tensor, nn

from smnas.arch.backbone_code import plan_groups
from smnas.arch.parts import CodedBackbone as CodedBackboneArch
from smnas.arch.parts import Norm
from smnas.detector.blocks import BLOCK_BUILDERS, EXPANSION
from smnas.detector.contract import FeatureSpec
from smnas.detector.norms import ConvNorm, make_conv

_FIRST_STRIDE = 4
"""Stride of P1, where the stem hands over to the first group."""


class CodedBackbone(nn.Module):
    """A stem to stride 4 and groups of blocks, each at half the resolution of the one before."""

    def __init__(
        self, stem: nn.Module, groups: Sequence[nn.Module], specs: dict[int, FeatureSpec]
    ) -> None:
        """Take built parts.

        Args:
            stem: Pictures to the first group's input.
            groups: P1 upwards; those above the highest level in ``specs`` are left out.
            specs: The levels that are handed out, lowest first.
        """
        super().__init__()
        self.stem = stem
        self.groups = nn.ModuleList(groups)
        self.specs = specs

    @property
    def stages(self) -> tuple[tuple[nn.Module, ...], ...]:
        """The parts up to each of P1, P2, ...; the stem belongs to the first."""
        first, *others = self.groups
        return ((self.stem, first), *((group,) for group in others))

    def forward(self, images_B3HW: Tensor) -> list[Tensor]:
        """Return the maps of the levels in ``specs``, finest first."""
        maps_BCHW = self.stem(images_B3HW)
        found: list[Tensor] = []
        for level, group in enumerate(self.groups, start=1):
            maps_BCHW = group(maps_BCHW)
            if level in self.specs:
                found.append(maps_BCHW)
        return found


def build_coded_backbone(
    arch: CodedBackboneArch, levels: Sequence[int], norm: Norm
) -> CodedBackbone:
    """Return the backbone up to the highest of ``levels``, with He's initial weights.

    Args:
        arch: Block kind, base width and code.
        levels: Levels to hand out, between 1 and 4, ascending.
        norm: Behind every convolution.
    """
    base = arch.base
    stem = nn.Sequential(
        ConvNorm(norm, make_conv(norm, 3, base // 2, 3, stride=2), nn.ReLU(inplace=True)),
        ConvNorm(norm, make_conv(norm, base // 2, base, 3, stride=2), nn.ReLU(inplace=True)),
    )
    build_block, expansion = BLOCK_BUILDERS[arch.block], EXPANSION[arch.block]
    groups: list[nn.Module] = []
    specs: dict[int, FeatureSpec] = {}
    channels = base
    for level, plans in enumerate(plan_groups(arch.code, base)[: max(levels)], start=1):
        blocks: list[nn.Module] = []
        for plan in plans:
            blocks.append(build_block(channels, plan.planes, plan.stride, base, norm))
            channels = plan.planes * expansion
        groups.append(nn.Sequential(*blocks))
        if level in levels:
            specs[level] = FeatureSpec(channels, _FIRST_STRIDE * 2 ** (level - 1))
    backbone = CodedBackbone(stem, groups, specs)
    _initialise(backbone)
    return backbone


def _initialise(backbone: nn.Module) -> None:
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
