import pytest
import torch
from torchvision.models import resnet18, resnet50

from smnas.arch.parts import CodedBackbone
from smnas.detector.coded_backbone import build_coded_backbone


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("block", "code", "theirs"),
    [("basicblock", "11-21-21-21", resnet18), ("bottleneck", "111-2111-211111-211", resnet50)],
)
def test_resnets_code_has_resnets_blocks(block: str, code: str, theirs: object) -> None:
    arch = CodedBackbone(block=block, base=64, code=code)  # pyright: ignore
    ours = build_coded_backbone(arch, (1, 2, 3, 4), "bn")
    net = theirs()  # pyright: ignore
    for number, group in enumerate(ours.groups, start=1):
        assert count(group) == count(getattr(net, f"layer{number}"))


@pytest.mark.parametrize("block", ["basicblock", "bottleneck", "xbottleneck", "inverted"])
@pytest.mark.parametrize("norm", ["bn", "gn-ws", "gn"])
def test_maps_are_as_promised(block: str, norm: str) -> None:
    arch = CodedBackbone(block=block, base=10, code="1-12-2-11")  # pyright: ignore
    backbone = build_coded_backbone(arch, (1, 2, 4), norm)  # pyright: ignore
    maps = backbone(torch.randn(2, 3, 64, 96))
    assert list(backbone.specs) == [1, 2, 4]
    for item, spec in zip(maps, backbone.specs.values(), strict=True):
        assert item.shape == (2, spec.channels, 64 // spec.stride, 96 // spec.stride)
    expansion = 4 if "bottleneck" in block else 1
    assert [spec.channels for spec in backbone.specs.values()] == [
        10 * expansion,
        20 * expansion,
        40 * expansion,
    ]


def test_resnext_block_has_the_proportions_of_32x4d_at_base_64() -> None:
    arch = CodedBackbone(block="xbottleneck", base=64, code="1-1-1-1")
    backbone = build_coded_backbone(arch, (1,), "bn")
    middle = backbone.get_submodule("groups.0.0.path.1.conv")
    assert isinstance(middle, torch.nn.Conv2d)
    assert (middle.groups, middle.in_channels) == (32, 128)


def test_inverted_block_adds_its_input_only_where_shapes_agree() -> None:
    arch = CodedBackbone(block="inverted", base=8, code="11-1-1-1")
    backbone = build_coded_backbone(arch, (1, 2), "bn").eval()
    block = backbone.get_submodule("groups.0.0")
    maps = torch.randn(1, 8, 6, 6)
    torch.testing.assert_close(block(maps), block.get_submodule("path")(maps) + maps)
    assert backbone(torch.randn(1, 3, 32, 32))[1].shape[-1] == 4


def test_stages_are_all_of_it() -> None:
    arch = CodedBackbone(block="basicblock", base=8, code="1-12-2-11")
    backbone = build_coded_backbone(arch, (2, 3), "bn")
    assert len(backbone.stages) == 3
    assert backbone.stages[0] == (backbone.stem, backbone.groups[0])
    inside = sum(count(module) for stage in backbone.stages for module in stage)
    assert inside == count(backbone)
