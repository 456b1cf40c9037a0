import copy

import pytest
import torch
from torch import nn

from smnas.arch import DetectorArch
from smnas.arch.parts import CodedBackbone
from smnas.detector.build import build_detector
from smnas.detector.coded_backbone import build_coded_backbone
from smnas.detector.norms import (
    ConvNorm,
    WeightStandardConv2d,
    fold_batch_norms,
    make_conv,
    make_norm,
    standardise,
)


@pytest.mark.parametrize(("channels", "groups"), [(64, 8), (8, 8), (28, 4), (27, 1), (2, 2)])
def test_group_norm_divides_every_width(channels: int, groups: int) -> None:
    norm = make_norm("gn-ws", channels)
    assert isinstance(norm, nn.GroupNorm)
    assert norm.num_groups == groups


@pytest.mark.parametrize("shape", [(6, 4, 3, 3), (5, 1, 3, 3), (7, 8, 1, 1)])
def test_standardised_weights_follow_the_formula_and_its_gradient(shape: tuple[int, ...]) -> None:
    weight = (torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 0.03 + 0.1).double()
    weight.requires_grad_()
    mean = weight.mean(dim=(1, 2, 3), keepdim=True)
    std = weight.std(dim=(1, 2, 3), keepdim=True)  # unbiased
    wanted = (weight - mean) / (std + 1e-5)
    found = standardise(weight.float())
    torch.testing.assert_close(found, wanted.float(), rtol=1e-4, atol=1e-5)

    grad = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    (wanted_grad,) = torch.autograd.grad(wanted, weight, grad.double())
    single = weight.detach().float().requires_grad_()
    (found_grad,) = torch.autograd.grad(standardise(single), single, grad)
    torch.testing.assert_close(found_grad, wanted_grad.float(), rtol=1e-3, atol=1e-4)


def test_standardisation_stays_in_float32_under_autocast() -> None:
    conv = make_conv("gn-ws", 4, 8, 3)
    assert isinstance(conv, WeightStandardConv2d)
    assert conv.bias is None
    maps = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        assert standardise(conv.weight).dtype == torch.float32
        found = conv(maps)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), conv(maps), rtol=0.1, atol=0.1)


def test_group_norm_alone_leaves_the_weights_as_they_are() -> None:
    arch = DetectorArch.parse("64x64/basicblock_8_1-1-2-1/fpn-p2-p4-16/ga-rpn/rcnn/fc=16/norm=gn")
    plain = build_detector(arch, 3, seed=0)
    standard = build_detector(arch.replace(norm="gn-ws"), 3, seed=0)
    for one, other in zip(plain.modules(), standard.modules(), strict=True):
        assert not isinstance(one, WeightStandardConv2d)
        assert isinstance(one, nn.GroupNorm) == isinstance(other, nn.GroupNorm)
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    standard.load_state_dict(plain.state_dict())
    maps, others = plain.backbone(images), standard.backbone(images)
    assert all((one - other).abs().max() > 0.01 for one, other in zip(maps, others, strict=True))


def test_constant_filters_have_finite_gradients() -> None:
    weight = torch.ones(2, 3, 3, 3, requires_grad=True)
    standardise(weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.isfinite().all()


def test_levels_together_are_as_one_by_one() -> None:
    block = ConvNorm("gn-ws", make_conv("gn-ws", 4, 8, 3), nn.ReLU())
    maps = [torch.randn(2, 4, side, side) for side in (8, 5)]
    for one, other in zip(block.over_levels(maps), map(block, maps), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("block", ["basicblock", "bottleneck", "xbottleneck", "inverted"])
def test_folding_batch_norms_keeps_the_output(block: str) -> None:
    torch.manual_seed(0)
    arch = CodedBackbone(block=block, base=16, code="12-1-21-1")  # pyright: ignore
    backbone = build_coded_backbone(arch, (2, 3), "bn")
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # pyright: ignore
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    images = torch.randn(2, 3, 64, 96)
    backbone.eval()
    with torch.no_grad():
        wanted = backbone(images)
        folded = copy.deepcopy(backbone)
        norms = sum(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
        assert fold_batch_norms(folded) == norms > 0
        found = folded(images)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).abs().max() <= 1e-4 * other.abs().max()


def test_folding_leaves_group_norms_alone() -> None:
    block = ConvNorm("gn-ws", make_conv("gn-ws", 4, 8, 3))
    assert fold_batch_norms(block) == 0
