"""Reference codes, and what of a code is built."""

from collections import defaultdict
from itertools import combinations, pairwise

import pytest
import torch

from smnas.arch import DetectorArch
from smnas.arch.backbone_code import plan_groups
from smnas.arch.parts import NAMED_BACKBONES, NamedBackbone
from smnas.arch.reference_codes import REFERENCE_CODES
from smnas.detector.build import build_detector
from smnas.detector.named_backbone import build_named_backbone
from smnas.space.coding import as_built


def test_every_named_backbone_has_a_code():
    assert set(REFERENCE_CODES) == set(NAMED_BACKBONES)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("resnet18", (2, 2, 2, 2)),
        ("resnet34", (3, 4, 6, 3)),
        ("resnet50", (3, 4, 6, 3)),
        ("resnet101", (3, 4, 23, 3)),
        ("resnext101", (3, 4, 23, 3)),
        ("mobilenetv2", (2, 3, 7, 4)),
    ],
)
def test_codes_have_the_published_depths(name, blocks):
    coded = REFERENCE_CODES[name]
    groups = plan_groups(coded.code, coded.base)
    assert tuple(map(len, groups)) == blocks
    if name.startswith("resn"):
        assert [group[0].planes for group in groups] == [64, 128, 256, 512]


@pytest.mark.parametrize(
    ("arch", "built"),
    [
        ("64x64/basicblock_8_1-2-2-212/none/rpn/rcnn", "1-2-2-1"),
        ("64x64/basicblock_8_1-2-12-212/fpn-p1-p2-32/rpn/rcnn", "1-2-1-1"),
        ("64x64/basicblock_8_1-2-12-212/fpn-p2-p5-32/rpn/rcnn/in=p2-p3", "1-2-12-1"),
        ("64x64/basicblock_8_1-2-12-212/fpn-p2-p4-32/rpn/rcnn", "1-2-12-212"),
    ],
)
def test_groups_above_the_highest_lateral_do_not_count(arch, built):
    arch = DetectorArch.parse(arch)
    assert as_built(arch).backbone.code == built
    assert as_built(as_built(arch)) == as_built(arch)


@pytest.mark.parametrize("neck", ["none", "fpn-p2-p6-32"])
@pytest.mark.parametrize("name", [*NAMED_BACKBONES, "timm:resnet26"])
def test_backbones_by_name_that_are_built_up_to_p3_or_further_stay(name, neck):
    arch = DetectorArch.parse(f"64x64/{name}/{neck}/rpn/rcnn")
    assert as_built(arch) is arch


def _networks(name):
    """For each level what the backbone computes up to it, as its weights and strides in order."""
    with torch.device("meta"):
        built = build_named_backbone(NamedBackbone(name=name), (1, 2, 3, 4), "bn", (64, 64))
    layers = [
        tuple(
            (*module.weight.shape, str(getattr(module, "stride", "")), getattr(module, "groups", 1))
            for part in stage
            for module in part.modules()
            if isinstance(module, torch.nn.Conv2d | torch.nn.BatchNorm2d)
        )
        for stage in built.stages
    ]
    return {top: tuple(layers[:top]) for top in range(1, 5)}


def test_backbones_by_name_are_duplicates_exactly_where_the_same_network_is_built():
    same_network, same_value = defaultdict(set), defaultdict(set)
    for name in NAMED_BACKBONES:
        for top, network in _networks(name).items():
            arch = DetectorArch.parse(f"64x64/{name}/fpn-p1-p{top}-8/rpn/rcnn")
            same_network[top, network].add(name)
            same_value[top, as_built(arch)].add(name)
    groups = [
        sorted((key[0], *sorted(names)) for key, names in found.items())
        for found in (same_network, same_value)
    ]
    assert groups[0] == groups[1]
    assert sum(len(group) > 2 for group in groups[0]) == 4  # ResNet and ResNeXt, up to P1 and P2


@pytest.mark.parametrize("neck", ["none", "fpn-p1-p2-16", "fpn-p2-p4-16"])
def test_codes_are_duplicates_exactly_where_the_same_network_is_built(neck):
    """By exhaustion over all codes of 4 and 5 blocks with one doubling."""
    same_network, same_value = defaultdict(set), defaultdict(set)
    for blocks in (4, 5):
        for cuts in combinations(range(1, blocks), 3):
            for doubled in range(blocks):
                digits = "1" * doubled + "2" + "1" * (blocks - doubled - 1)
                code = "-".join(digits[a:b] for a, b in pairwise((0, *cuts, blocks)))
                text = f"64x64/basicblock_8_{code}/{neck}/rpn/rcnn/fc=16/norm=gn-ws"
                arch = DetectorArch.parse(text)
                with torch.device("meta"):
                    network = build_detector(arch, 3, seed=0)
                signature = tuple(
                    (name, tuple(module.weight.shape), str(getattr(module, "stride", "")))
                    for name, module in network.named_modules()
                    if isinstance(getattr(module, "weight", None), torch.Tensor)
                )
                same_network[signature].add(code)
                same_value[as_built(arch)].add(code)
    assert sorted(map(sorted, same_network.values())) == sorted(map(sorted, same_value.values()))


def test_the_norms_epsilon_of_a_duplicate_stays():
    arch = DetectorArch.parse("64x64/resnet101/fpn-p1-p2-8/rpn/rcnn/bn-eps=0")
    assert str(as_built(arch)) == "64x64/resnet50/fpn-p1-p2-8/rpn/rcnn/bn-eps=0"
