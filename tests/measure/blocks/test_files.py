"""A block's file computes what the block computes, and needs nothing of the other blocks."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils._pytree import tree_leaves

from smnas.arch import DetectorArch
from smnas.arch.parts import InputSize
from smnas.data.picture import fit_picture
from smnas.measure.blocks import parts
from smnas.measure.blocks.build import build_block
from smnas.measure.blocks.files import export_blocks
from smnas.measure.blocks.plan import plan_blocks

TEXTS = (
    "64x64/basicblock_8_1-2-1-1/fpn-p2-p5-16/none/retina/convs=1",
    "64x64/bottleneck_8_1-2-1-1/none/rpn/cascade-2/fc=16/proposals=20",
    "64x64/basicblock_8_1-2-1-1/fpn-p3-p5-16/ga-rpn/rcnn/extra=conv/fc=16",
)


@pytest.fixture(scope="module")
def exported():
    blocks = {b for text in TEXTS for b in plan_blocks(DetectorArch.parse(text), 3, (50, 70))}
    return list(export_blocks(sorted(blocks, key=lambda block: block.key)))


def open_session(model) -> onnxruntime.InferenceSession:
    content = model.SerializeToString()
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def test_every_kind_of_block_computes_the_same_in_both_runtimes(exported):
    kinds = {type(block) for block, _ in exported} - {parts.Fitting}
    assert len(kinds) == 12
    for block, model in exported:
        if isinstance(block, parts.Fitting):
            continue
        module, shapes = build_block(block)
        given = [np.random.default_rng(7).standard_normal(s).astype(np.float32) for s in shapes]
        with torch.inference_mode():
            wanted = [t.numpy() for t in tree_leaves(module(*map(torch.from_numpy, given)))]
        session = open_session(model)
        names = [item.name for item in session.get_inputs()]
        found = session.run(None, dict(zip(names, given, strict=True)))
        for one, other in zip(wanted, found, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3, err_msg=block.key)


def test_a_fitting_is_that_of_the_detector(exported):
    ((block, model),) = [item for item in exported if isinstance(item[0], parts.Fitting)]
    picture = np.random.default_rng(0).integers(0, 256, (*block.picture, 3), np.uint8)
    found = open_session(model).run(["image"], {"picture": picture})[0]
    wanted = fit_picture(picture, InputSize(width=64, height=64)).image_3HW
    np.testing.assert_allclose(found[0], wanted.numpy(), atol=1e-3)
