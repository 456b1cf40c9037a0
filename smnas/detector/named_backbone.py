"""Backbones by name, through timm's ``features_only``."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from torch import Tensor, nn

from smnas.arch.parts import NamedBackbone as NamedBackboneArch
from smnas.arch.parts import Norm, TimmBackbone
from smnas.detector.contract import FeatureSpec
from smnas.detector.norms import WeightStandardConv2d, count_groups, make_norm
from smnas.detector.timm_pyramids import create_pyramid, plan_pyramid

TIMM_NAMES = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "resnet101": "resnet101",
    "resnext50": "resnext50_32x4d",
    "resnext101": "resnext101_32x4d",
    "mobilenetv2": "mobilenetv2_100",
}
"""The paper's names; its ResNeXt cardinality is not known (paper.md 1.1)."""
_STAGE_STRIDES = (4, 8, 16, 32)


class NamedBackbone(nn.Module):
    """A network of timm that hands out some of its maps."""

    def __init__(
        self,
        body: nn.Module,
        stages: Sequence[Sequence[nn.Module]],
        specs: dict[int, FeatureSpec],
    ) -> None:
        """Take built parts.

        Args:
            body: Pictures to the maps of the levels in ``specs``, finest first.
            stages: Its parts up to each of P1, P2, ...; the stem belongs to the first.
            specs: The levels that are handed out, lowest first.
        """
        super().__init__()
        self.body = body
        self.stages = tuple(map(tuple, stages))
        self.specs = specs

    def forward(self, images_B3HW: Tensor) -> list[Tensor]:
        """Return the maps of the levels in ``specs``, finest first."""
        return self.body(images_B3HW)


def build_named_backbone(
    arch: NamedBackboneArch | TimmBackbone,
    levels: Sequence[int],
    norm: Norm,
    size: tuple[int, int],
) -> NamedBackbone:
    """Return the backbone up to the highest of ``levels``, with fresh weights.

    Args:
        arch: Its name, the paper's or timm's.
        levels: Levels to hand out, between 1 and 4, ascending.
        norm: ``gn-ws`` puts GN in the place of batch norms, and WS into the convolutions before;
            ``gn`` GN alone.
        size: Height and width of the pictures, padded.

    Raises:
        ConfigError: timm is not installed.
        ArchError: timm has no such backbone, it has no maps (B, C, H, W) of these levels, or it
            takes no pictures of this size.
    """
    strides = [2 ** (level + 1) for level in levels]
    if isinstance(arch, NamedBackboneArch):
        # Each of these has one map at each of the strides 2, 4, 8, 16 and 32.
        body = create_pyramid(TIMM_NAMES[arch.name], out_indices=tuple(levels))
    else:
        body = create_pyramid(arch.name, **plan_pyramid(arch.name, strides, size))
    _drop_stages_above_the_last_map(body)
    channels = cast(list[int], body.feature_info.channels())
    specs = {
        level: FeatureSpec(width, stride)
        for level, width, stride in zip(levels, channels, strides, strict=True)
    }
    if norm != "bn":
        _replace_batch_norms(body, norm)
    elif isinstance(arch, NamedBackboneArch):
        _set_epsilon(body, arch.bn_eps)
    return NamedBackbone(body, split_stages(body), specs)


def split_stages(body: Any) -> list[list[nn.Module]]:
    """Return the parts of a pyramid by the stage that they belong to, P1's (with the stem) first.

    A stage ends with the module that makes the deepest map of its stride, as timm names it, and
    begins where the one before ended, in the order in which modules are registered. A pyramid whose
    first map is coarser than P1, or that names no modules, has fewer stages or none.
    """
    ends: dict[int, str] = {}
    for item in cast(list[dict[str, Any]], body.feature_info.info):
        ends[item["reduction"]] = _plain(item["module"])
    stages: list[list[nn.Module]] = []
    current: list[nn.Module] = []
    names = [ends[stride] for stride in _STAGE_STRIDES if stride in ends]
    for name, module in _walk(body, "", names):
        current.append(module)
        if len(stages) < len(names) and name == names[len(stages)]:
            stages.append(current)
            current = []
    return stages


def _walk(module: nn.Module, place: str, ends: Sequence[str]) -> Iterator[tuple[str, nn.Module]]:
    """Yield the largest modules, in order, that hold no end of a stage in their midst."""
    for name, child in module.named_children():
        path = _plain(f"{place}.{name}" if place else name)
        if any(end.startswith(f"{path}.") for end in ends):
            yield from _walk(child, path, ends)
        else:
            yield path, child


def _plain(name: str) -> str:
    """Return the name of a module with dots only: pyramids write ``stages_0`` for ``stages.0``."""
    return name.replace("_", ".")


def _drop_stages_above_the_last_map(body: Any) -> None:
    """Drop what timm's EfficientNets and MobileNets would compute and never hand out."""
    name, _, last = body.feature_info.module_name()[-1].partition(".")
    stages = getattr(body, name, None)
    if isinstance(stages, nn.Sequential) and last.isdigit():
        setattr(body, name, stages[: int(last) + 1])


def _set_epsilon(body: nn.Module, epsilon: float) -> None:
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = epsilon


def _replace_batch_norms(module: nn.Module, norm: Norm) -> None:
    """Turn every batch norm into GN; for ``gn-ws`` the convolution registered before it gets WS."""
    for parent in list(module.modules()):
        conv_name: str | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                conv_name = name
            elif isinstance(child, nn.BatchNorm2d):
                if conv_name is not None and norm == "gn-ws":
                    setattr(parent, conv_name, _standardised(getattr(parent, conv_name)))
                setattr(parent, name, _group_norm_like(child))
                conv_name = None


class _GroupNormAct(nn.GroupNorm):
    """A group norm with an activation behind it, under the names of timm's ``BatchNormAct2d``."""

    def __init__(self, groups: int, channels: int, act: nn.Module) -> None:
        super().__init__(groups, channels)
        self.act = act

    def forward(self, input: Tensor) -> Tensor:
        """Return the activated output of the norm."""
        return self.act(super().forward(input))


def _group_norm_like(norm: nn.BatchNorm2d) -> nn.Module:
    activation = cast(nn.Module | None, getattr(norm, "act", None))
    if activation is None:
        return make_norm("gn", norm.num_features)
    return _GroupNormAct(count_groups(norm.num_features), norm.num_features, activation)


def _standardised(conv: nn.Conv2d) -> nn.Conv2d:
    # A convolution keeps its numbers as pairs, which its constructor takes back.
    pairs = cast(Any, conv)
    twin = WeightStandardConv2d(
        conv.in_channels,
        conv.out_channels,
        pairs.kernel_size,
        pairs.stride,
        pairs.padding,
        pairs.dilation,
        conv.groups,
        bias=conv.bias is not None,
    )
    twin.load_state_dict(conv.state_dict())
    return twin
