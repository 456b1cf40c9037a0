"""The blocks of a detector are the detector: nothing is missing, nothing is there twice."""

import pytest
import torch

from smnas.arch import DetectorArch
from smnas.measure.blocks import parts
from smnas.measure.blocks.build import build_block
from smnas.measure.blocks.plan import plan_blocks
from smnas.measure.cost import count_cost, count_macs

CLASSES, PICTURE = 3, (100, 150)
BETWEEN = (parts.Fitting, parts.Align, parts.Dense, parts.Detections)
"""What picks pixels and boxes; RoIAlign is matrix products on a CPU, and not counted as such."""
ARCHS = (
    "64x64/basicblock_8_1-21-1-2/fpn-p2-p5-16/none/retina/convs=1",
    "96x64/bottleneck_8_11-2-2-1/fpn-p1-p3-16/none/retina/convs=2/extra=conv/in=p1-p2",
    "64x64/xbottleneck_16_1-2-1-1/fpn-p2-p6-16/rpn/rcnn/extra=conv-in/fc=16/proposals=20",
    "64x96/inverted_8_1-21-2-1/none/rpn/cascade-3/fc=16/proposals=20",
    "64x64/resnet18/fpn-p3-p5-16/rpn/cascade-2/fc=16/proposals=20",
    "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-16/ga-rpn/rcnn/fc=16",
    "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-16/none/retina/convs=1/norm=gn-ws",
)


def blocks_of(text: str) -> tuple[parts.Block, ...]:
    return plan_blocks(DetectorArch.parse(text), CLASSES, PICTURE)


@pytest.mark.parametrize("text", ARCHS)
def test_multiply_adds_of_the_blocks_are_those_of_the_detector(text: str):
    macs = 0
    for block in blocks_of(text):
        if not isinstance(block, BETWEEN):
            module, shapes = build_block(block)
            given = [torch.zeros(shape) for shape in shapes]
            macs += count_macs(lambda module=module, given=given: module(*given))
    whole = next(
        m.value for m in count_cost(DetectorArch.parse(text), CLASSES) if m.metric == "macs_g"
    )
    assert macs / 1e9 == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("text", ARCHS)
def test_every_block_runs(text: str):
    for block in blocks_of(text):
        if not isinstance(block, parts.Fitting):
            module, shapes = build_block(block)
            with torch.inference_mode():
                module(*(torch.randn(shape) for shape in shapes))


def test_detectors_share_the_blocks_that_are_equal():
    first, second = (
        set(blocks_of(f"64x64/basicblock_8_1-2-1-1/fpn-p2-p4-16/none/retina/convs={convs}"))
        for convs in (1, 2)
    )
    assert {type(block) for block in first - second} == {parts.Tower, parts.Dense}


def test_a_stage_of_a_cascade_costs_a_look_at_all_proposals():
    two, three = (
        [type(b) for b in blocks_of(f"64x64/basicblock_8_1-2-1-1/none/rpn/cascade-{stages}")]
        for stages in (2, 3)
    )
    assert (two.count(parts.Align), three.count(parts.Align)) == (2, 3)
    assert (two.count(parts.Predictor), three.count(parts.Predictor)) == (2, 3)


def test_stages_that_are_not_built_are_no_blocks():
    without, with_more = (
        blocks_of(f"64x64/basicblock_8_{code}/none/rpn/rcnn") for code in ("1-2-1-1", "1-2-1-222")
    )
    assert without == with_more


def test_a_key_tells_blocks_apart():
    texts = [*ARCHS, "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-16/none/retina/convs=1/pre-nms=7"]
    blocks = {block for text in texts for block in blocks_of(text)}
    assert len({block.key for block in blocks}) == len(blocks)
