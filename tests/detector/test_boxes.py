import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_iou, clip_boxes_to_image

from smnas.arch.parts import BoxStds
from smnas.detector.boxes import (
    UNIT_STDS,
    box_areas,
    clip_boxes,
    decode_boxes,
    encode_boxes,
    intersect,
)

STDS = (0.1, 0.1, 0.2, 0.2)


def draw_boxes(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(*shape, 2, generator=generator) * 150 - 20
    return torch.cat((start, start + 4 + torch.rand(*shape, 2, generator=generator) * 100), -1)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), rows=st.integers(0, 30), stds=st.sampled_from([STDS, UNIT_STDS]))
def test_coding_agrees_with_torchvision(seed: int, rows: int, stds: BoxStds) -> None:
    boxes, references = draw_boxes(seed, rows), draw_boxes(seed + 1, rows)
    coder = BoxCoder(weights=tuple(1 / std for std in stds))  # pyright: ignore
    offsets = encode_boxes(boxes, references, stds)
    torch.testing.assert_close(
        offsets, coder.encode_single(boxes, references), rtol=1e-4, atol=1e-4
    )
    wild = offsets * 3
    torch.testing.assert_close(
        decode_boxes(wild, references, stds),
        coder.decode_single(wild, references),
        rtol=1e-4,
        atol=1e-2,
    )


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_decoding_undoes_encoding(seed: int) -> None:
    boxes, references = draw_boxes(seed, 4, 10), draw_boxes(seed + 1, 4, 10)
    again = decode_boxes(encode_boxes(boxes, references, STDS), references, STDS)
    torch.testing.assert_close(again, boxes, rtol=1e-4, atol=1e-3)


def test_decoded_size_is_bounded() -> None:
    references = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    decoded = decode_boxes(torch.full((1, 4), 1e6).bfloat16(), references)
    assert decoded.isfinite().all()
    assert decoded.dtype == torch.float32


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), rows=st.integers(0, 7), more=st.integers(0, 9))
def test_intersections_give_the_ious_of_torchvision(seed: int, rows: int, more: int) -> None:
    boxes, others = draw_boxes(seed, 2, rows), draw_boxes(seed + 1, 2, more)
    shared = intersect(boxes, others)
    ious = shared / (box_areas(boxes)[:, :, None] + box_areas(others)[:, None] - shared)
    for picture in range(2):
        torch.testing.assert_close(ious[picture], box_iou(boxes[picture], others[picture]))


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(0, 30),
    height=st.integers(1, 200),
    width=st.integers(1, 200),
)
def test_clipping_agrees_with_torchvision(seed: int, rows: int, height: int, width: int) -> None:
    boxes = draw_boxes(seed, rows)
    size = (height, width)
    assert torch.equal(clip_boxes(boxes, *size), clip_boxes_to_image(boxes, size))
