import pytest
import torch
from torch import nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import (
    ExtraFPNBlock,
    LastLevelMaxPool,
    LastLevelP6P7,
)

from smnas.arch.parts import FpnNeck
from smnas.detector.contract import FeatureSpec
from smnas.detector.fpn import Fpn, build_fpn

SPECS = [FeatureSpec(8, 4), FeatureSpec(12, 8), FeatureSpec(16, 16)]
SIZES = [(24, 40), (12, 20), (6, 10)]


def draw_maps() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, spec.channels, *size, generator=generator)
        for spec, size in zip(SPECS, SIZES, strict=True)
    ]


def copy_weights(ours: Fpn, theirs: FeaturePyramidNetwork) -> None:
    pairs = list(zip(theirs.inner_blocks, ours.laterals, strict=True))
    pairs += list(zip(theirs.layer_blocks, ours.outputs, strict=True))
    if isinstance(theirs.extra_blocks, LastLevelP6P7):
        extras = [theirs.extra_blocks.p6, theirs.extra_blocks.p7]
        pairs += list(zip(extras, ours.extras, strict=True))
    for source, target in pairs:
        conv = target.get_submodule("conv")
        weights = source[0] if isinstance(source, nn.Sequential) else source
        conv.load_state_dict(weights.state_dict())


@pytest.mark.parametrize(
    ("extra", "last", "block"),
    [("pool", 4, LastLevelMaxPool()), ("conv", 5, LastLevelP6P7(32, 32)), ("pool", 3, None)],
)
def test_pyramid_is_torchvisions(extra: str, last: int, block: ExtraFPNBlock | None) -> None:
    arch = FpnNeck(first=1, last=last, width=32, inputs=(1, 3), extra=extra)  # pyright: ignore
    ours = build_fpn(arch, SPECS, "bn")
    theirs = FeaturePyramidNetwork([spec.channels for spec in SPECS], 32, block)
    copy_weights(ours, theirs)
    maps = draw_maps()
    found = ours(maps)
    wanted = list(theirs({str(level): item for level, item in enumerate(maps)}).values())
    assert len(found) == len(wanted) == len(arch.levels) == len(ours.specs)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_first_extra_level_can_come_from_the_backbone() -> None:
    arch = FpnNeck(first=1, last=5, width=32, inputs=(1, 3), extra="conv-in")
    fpn = build_fpn(arch, SPECS, "bn")
    maps = draw_maps()
    found = fpn(maps)
    torch.testing.assert_close(found[3], fpn.extras[0](maps[-1]))
    torch.testing.assert_close(found[4], fpn.extras[1](found[3]))


@pytest.mark.parametrize("extra", ["pool", "conv", "conv-in"])
def test_group_norm_stands_behind_every_convolution(extra: str) -> None:
    arch = FpnNeck(first=1, last=5, width=32, inputs=(1, 3), extra=extra)  # pyright: ignore
    fpn = build_fpn(arch, SPECS, "gn-ws")
    convs = [module for module in fpn.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in fpn.modules() if isinstance(module, nn.GroupNorm)]
    assert len(convs) == len(norms) == 6 + (0 if extra == "pool" else 2)
    assert all(conv.bias is None for conv in convs)
    assert [spec.stride for spec in fpn.specs] == [4, 8, 16, 32, 64]
    shapes = [(item.shape[1], item.shape[-1]) for item in fpn(draw_maps())]
    assert shapes == [(32, 40), (32, 20), (32, 10), (32, 5), (32, 3)]


def test_gradients_of_a_level_above_a_single_position_are_whole_in_half_precision() -> None:
    # torch's own bf16 kernel leaves parts of this gradient as the memory was.
    arch = FpnNeck(first=1, last=5, width=32, inputs=(1, 3), extra="conv")
    torch.manual_seed(0)
    fpn = build_fpn(arch, SPECS, "bn")
    maps = [
        torch.randn(2, spec.channels, 4 // 2**level, 4 // 2**level)
        for level, spec in enumerate(SPECS)
    ]
    weights = [extra.get_submodule("conv").get_parameter("weight") for extra in fpn.extras]
    with torch.autocast("cpu", torch.bfloat16):
        total = fpn(maps)[-1].float().sum()
    rubbish = [
        torch.full((32 * 32 * 9 // 2**part,), torch.nan) for part in range(8) for _ in "1234"
    ]
    del rubbish
    halves = torch.autograd.grad(total, weights)
    wholes = torch.autograd.grad(fpn(maps)[-1].sum(), weights)
    for half, whole in zip(halves, wholes, strict=True):
        assert (half - whole).norm() < 0.02 * whole.norm()
