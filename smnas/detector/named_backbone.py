"""Backbones by name, through timm's ``features_only``; the only file that imports timm."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, cast

from torch import Tensor, nn

from smnas.arch.parts import NamedBackbone as NamedBackboneArch
from smnas.arch.parts import Norm, TimmBackbone
from smnas.detector.contract import FeatureSpec
from smnas.detector.norms import WeightStandardConv2d, make_norm
from smnas.errors import ArchError, ConfigError

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


class NamedBackbone(nn.Module):
    """A network of timm that hands out some of its maps."""

    def __init__(self, body: nn.Module, specs: dict[int, FeatureSpec]) -> None:
        """Take built parts.

        Args:
            body: Pictures to the maps of the levels in ``specs``, finest first.
            specs: The levels that are handed out, lowest first.
        """
        super().__init__()
        self.body = body
        self.specs = specs

    def forward(self, images_B3HW: Tensor) -> list[Tensor]:
        """Return the maps of the levels in ``specs``, finest first."""
        return self.body(images_B3HW)


def build_named_backbone(
    arch: NamedBackboneArch | TimmBackbone, levels: Sequence[int], norm: Norm
) -> NamedBackbone:
    """Return the backbone up to the highest of ``levels``, with fresh weights.

    Args:
        arch: Its name, the paper's or timm's.
        levels: Levels to hand out, between 1 and 4, ascending.
        norm: ``gn-ws`` puts GN in the place of batch norms, and WS into the convolutions before.

    Raises:
        ConfigError: timm is not installed.
        ArchError: timm has no such backbone, or it has no maps (B, C, H, W) of these levels.
    """
    strides = [2 ** (level + 1) for level in levels]
    if isinstance(arch, NamedBackboneArch):
        # Each of these has one map at each of the strides 2, 4, 8, 16 and 32.
        name, indices = TIMM_NAMES[arch.name], list(levels)
    else:
        name, indices = arch.name, _find_maps(arch.name, strides)
    body = _create(name, out_indices=tuple(indices))
    _drop_stages_above_the_last_map(body)
    channels = cast(list[int], body.feature_info.channels())
    specs = {
        level: FeatureSpec(width, stride)
        for level, width, stride in zip(levels, channels, strides, strict=True)
    }
    if norm == "gn-ws":
        replace_batch_norms(body)
    elif isinstance(arch, NamedBackboneArch):
        _set_epsilon(body, arch.bn_eps)
    return NamedBackbone(body, specs)


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


def _find_maps(name: str, strides: Sequence[int]) -> list[int]:
    """Return which of the network's maps have these strides; of several the last, the deepest."""
    reductions = cast(list[int], _create(name).feature_info.reduction())
    if not set(strides) <= set(reductions):
        raise ArchError(
            f"backbone {name!r}: has maps of strides {reductions}; this neck needs "
            f"{list(strides)}; choose other levels or another backbone"
        )
    return [len(reductions) - 1 - reductions[::-1].index(stride) for stride in strides]


def replace_batch_norms(module: nn.Module) -> int:
    """Turn every batch norm into GN, and the convolution registered before it into one with WS.

    Returns:
        How many were replaced.
    """
    replaced = 0
    for parent in list(module.modules()):
        conv_name: str | None = None
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                conv_name = name
            elif isinstance(child, nn.BatchNorm2d):
                if conv_name is not None:
                    setattr(parent, conv_name, _standardised(getattr(parent, conv_name)))
                # timm's batch norms carry their activation.
                norm = make_norm("gn-ws", child.num_features)
                activation = cast(nn.Module | None, getattr(child, "act", None))
                setattr(parent, name, nn.Sequential(norm, activation) if activation else norm)
                conv_name = None
                replaced += 1
    return replaced


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


def _create(name: str, **settings: Any) -> Any:
    try:
        timm: Any = import_module("timm")
    except ImportError:
        raise ConfigError(
            f"backbone {name!r}: backbones by name come from the package timm, which is not "
            "installed; run `pip install timm`, or use a code such as basicblock_64_11-21-21-21"
        ) from None
    if not timm.is_model(name):
        close = timm.list_models(f"*{name.split('_')[0][:6]}*")[:3]
        hint = f"such as {', '.join(close)}" if close else "see timm.list_models()"
        raise ArchError(f"backbone {name!r}: timm has no model of this name; {hint}")
    try:
        body = timm.create_model(name, pretrained=False, features_only=True, **settings)
    except (RuntimeError, AttributeError, AssertionError, TypeError, ValueError) as error:
        raise ArchError(f"backbone {name!r}: timm cannot make a pyramid of it: {error}") from None
    if getattr(body, "output_fmt", "NCHW") != "NCHW":
        raise ArchError(f"backbone {name!r}: its maps are not (B, C, H, W); use another backbone")
    return body
