"""Depth, early widening and input of archs, by hand."""

import pytest

from smnas.arch import DetectorArch
from smnas.arch.traits import depth, early_widening, input_megapixels


@pytest.mark.parametrize(
    ("backbone", "blocks", "early"),
    [
        ("basicblock_8_2-2-2-1", 4, 1 - (0 + 1 + 2) / 3 / 3),
        ("basicblock_8_1-1-1-2222", 7, 1 - (3 + 4 + 5 + 6) / 4 / 6),
        ("basicblock_8_1-11-1-1", 5, None),
        ("resnet18", 8, 1 - (2 + 4 + 6) / 3 / 7),
        ("timm:convnext_atto", None, None),
    ],
)
def test_traits_are_those_of_the_blocks(backbone: str, blocks: int, early: float) -> None:
    arch = DetectorArch.parse(f"800x600/{backbone}/fpn-p2-p5-64/none/retina")
    assert depth(arch) == blocks
    assert early_widening(arch) == (None if early is None else pytest.approx(early))
    assert input_megapixels(arch) == pytest.approx(0.48)


def test_what_is_not_built_does_not_count() -> None:
    """Without a pyramid P3 alone is used, and the last group is never built."""
    arch = DetectorArch.parse("64x64/basicblock_8_1-2-1-2222/none/rpn/rcnn")
    assert depth(arch) == 3
    assert early_widening(arch) == pytest.approx(0.5)
