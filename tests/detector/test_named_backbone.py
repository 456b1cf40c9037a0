import sys

import pytest
import torch
from torch import nn
from torchvision.models.detection import fasterrcnn_resnet50_fpn, retinanet_resnet50_fpn

from smnas.arch import DetectorArch
from smnas.arch.parts import NAMED_BACKBONES, NamedBackbone, TimmBackbone
from smnas.detector.build import build_detector
from smnas.detector.named_backbone import TIMM_NAMES, build_named_backbone
from smnas.detector.norms import WeightStandardConv2d, fold_batch_norms
from smnas.errors import ArchError, ConfigError

pytest.importorskip("timm")

SIZE = (64, 64)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_every_name_of_the_arch_has_one_in_timm() -> None:
    assert tuple(TIMM_NAMES) == NAMED_BACKBONES


@pytest.mark.parametrize("name", ["resnet18", "resnext50", "mobilenetv2"])
@pytest.mark.parametrize("norm", ["bn", "gn-ws", "gn"])
def test_maps_are_as_promised(name: str, norm: str) -> None:
    arch = NamedBackbone(name=name)  # pyright: ignore
    backbone = build_named_backbone(arch, (1, 3), norm, (64, 96))  # pyright: ignore
    maps = backbone(torch.randn(2, 3, 64, 96))
    assert list(backbone.specs) == [1, 3]
    for item, spec in zip(maps, backbone.specs.values(), strict=True):
        assert item.shape == (2, spec.channels, 64 // spec.stride, 96 // spec.stride)
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert bool(norms) == (norm == "bn")
    groups = [item for item in backbone.modules() if isinstance(item, nn.GroupNorm)]
    convs = [item for item in backbone.modules() if isinstance(item, WeightStandardConv2d)]
    assert (len(groups) > 10) == (norm != "bn")
    assert len(convs) == (len(groups) if norm == "gn-ws" else 0)


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2"])
def test_folding_batch_norms_keeps_the_output(name: str) -> None:
    torch.manual_seed(0)
    backbone = build_named_backbone(NamedBackbone(name=name), (1, 2), "bn", SIZE)  # pyright: ignore
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted = backbone.eval()(images)
        assert fold_batch_norms(backbone) > 0
        found = backbone(images)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in backbone.modules())
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).abs().max() <= 1e-4 * other.abs().max()


@pytest.mark.parametrize(
    ("name", "classes", "theirs"),
    [
        # torchvision counts background among its 91 classes in the one, and has none in the other.
        ("faster-rcnn-r50-fpn", 90, fasterrcnn_resnet50_fpn),
        ("retinanet-r50-fpn", 91, retinanet_resnet50_fpn),
    ],
)
def test_parameters_are_torchvisions(name: str, classes: int, theirs: object) -> None:
    reference = theirs(  # pyright: ignore
        weights=None, weights_backbone=None, num_classes=91
    )
    ours = build_detector(DetectorArch.parse(name), classes, seed=0)
    assert count(ours) == count(reference)


@pytest.mark.parametrize("epsilon", [0.0, 1e-3])
def test_the_archs_epsilon_is_that_of_every_batch_norm(epsilon: float) -> None:
    backbone = build_named_backbone(
        NamedBackbone(name="resnet18", bn_eps=epsilon), (1, 4), "bn", SIZE
    )
    found = {module.eps for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)}
    assert found == {epsilon}


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2"])
def test_stages_above_the_highest_level_are_not_built(name: str) -> None:
    def count(*levels: int) -> int:
        backbone = build_named_backbone(NamedBackbone(name=name), levels, "bn", SIZE)  # pyright: ignore
        maps = backbone.train()(torch.randn(2, 3, 64, 64))
        torch.stack([level.sum() for level in maps]).sum().backward()
        assert all(item.grad is not None for item in backbone.parameters()), "built, not used"
        return sum(item.numel() for item in backbone.parameters())

    assert count(1, 2) < count(1, 3) < count(1, 4)


def test_any_other_backbone_by_timms_name() -> None:
    backbone = build_named_backbone(TimmBackbone(name="convnext_atto"), (2, 4), "bn", SIZE)
    shapes = [item.shape for item in backbone(torch.randn(1, 3, 64, 64))]
    assert shapes == [(1, 80, 8, 8), (1, 320, 2, 2)]


def test_a_backbone_made_for_one_size_is_told_ours() -> None:
    backbone = build_named_backbone(TimmBackbone(name="coat_tiny"), (2, 4), "bn", (64, 96))
    shapes = [item.shape for item in backbone(torch.randn(1, 3, 64, 96))]
    assert shapes == [(1, 152, 8, 12), (1, 152, 2, 3)]


@pytest.mark.parametrize(
    ("name", "first", "others"),
    [
        ("resnet18", ["conv1", "bn1", "act1", "maxpool", "layer1"], [["layer2"], ["layer3"]]),
        (
            "mobilenetv2_100",
            ["conv_stem", "bn1", "blocks.0", "blocks.1"],
            [["blocks.2"], ["blocks.3", "blocks.4"]],
        ),
        ("convnext_atto", ["stem_0", "stem_1", "stages_0"], [["stages_1"], ["stages_2"]]),
    ],
)
def test_stages_of_a_pyramid(name: str, first: list[str], others: list[list[str]]) -> None:
    backbone = build_named_backbone(TimmBackbone(name=name), (2, 3), "bn", SIZE)
    names = {module: name for name, module in backbone.body.named_modules()}
    found = [[names[module] for module in stage] for stage in backbone.stages]
    assert found == [first, *others]
    inside = sum(count(module) for stage in backbone.stages for module in stage)
    assert inside == count(backbone)


def test_a_pyramid_whose_stages_are_interwoven_has_none() -> None:
    backbone = build_named_backbone(TimmBackbone(name="hrnet_w18_small"), (2,), "bn", SIZE)
    assert backbone.stages == ()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet1k", "timm has no model of this name; such as "),
        ("swin_tiny_patch4_window7_224", r"its maps are not \(B, C, H, W\)"),
        ("vit_tiny_patch16_224", r"has maps of strides \[16, 16, 16\]; this neck needs \[8, 32\]"),
        ("efficientformer_l1", "takes no pictures of 64x64: .*; choose another size or backbone"),
    ],
)
def test_what_makes_no_pyramid_says_so(name: str, message: str) -> None:
    with pytest.raises(ArchError, match=message):
        build_named_backbone(TimmBackbone(name=name), (2, 4), "bn", SIZE)


def test_without_timm_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match="which is not installed; run `pip install timm`"):
        build_named_backbone(TimmBackbone(name="resnet18"), (2,), "bn", SIZE)
