"""Reference codes, and what of a code is built."""

import pytest

from smnas.arch import DetectorArch
from smnas.arch.backbone_code import plan_groups
from smnas.arch.parts import NAMED_BACKBONES
from smnas.space.coding import REFERENCE_CODES, as_built


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


def test_named_backbones_stay():
    arch = DetectorArch.parse("64x64/resnet18/none/rpn/rcnn")
    assert as_built(arch) is arch
