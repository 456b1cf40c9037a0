import torch

from smnas.arch import DetectorArch
from smnas.measure.blocks import parts
from smnas.measure.blocks.build import build_block
from smnas.measure.blocks.plan import plan_blocks
from smnas.measure.blocks.work import what_is_alike, work_of
from smnas.measure.cost import count_macs

TEXT = "64x64/basicblock_8_1-21-1-1/fpn-p2-p4-16/rpn/rcnn/fc=16/proposals=20"
BLOCKS = plan_blocks(DetectorArch.parse(TEXT), 3, (100, 150))


def test_the_work_of_a_block_is_what_it_computes_with_numbers():
    counted = [block for block in BLOCKS if what_is_alike(block) is not None]
    assert {parts.Stem, parts.Residual, parts.Conv, parts.Merge, parts.RpnLevel} == set(
        map(type, counted)
    )
    for block in counted:
        module, shapes = build_block(block)
        given = [torch.zeros(shape) for shape in shapes]
        macs = count_macs(lambda module=module, given=given: module(*given))
        assert work_of(block).macs == macs > 0
        assert work_of(block).values > sum(tensor.numel() for tensor in given)


def test_what_picks_boxes_is_like_nothing():
    for block in BLOCKS:
        if isinstance(block, parts.Fitting | parts.Dense | parts.Align | parts.Detections):
            assert work_of(block).alike is None


def test_other_strides_and_norms_are_not_alike():
    block = parts.Residual("basicblock", 8, 8, 1, 1, "bn", (16, 16))
    wider = parts.Residual("basicblock", 16, 32, 1, 1, "bn", (8, 8))
    strided = parts.Residual("basicblock", 8, 8, 2, 1, "bn", (16, 16))
    other = parts.Residual("basicblock", 8, 8, 1, 1, "gn-ws", (16, 16))
    assert what_is_alike(block) == what_is_alike(wider)
    assert len({what_is_alike(item) for item in (block, strided, other)}) == 3
