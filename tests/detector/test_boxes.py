import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_iou, clip_boxes_to_image

from smnas.detector.boxes import box_areas, clip_boxes, decode_boxes, encode_boxes, intersect

STDS = (0.1, 0.1, 0.2, 0.2)


def draw_boxes(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(*shape, 2, generator=generator) * 150 - 20
    return torch.cat((start, start + 4 + torch.rand(*shape, 2, generator=generator) * 100), -1)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_coding_agrees_with_torchvision(seed: int) -> None:
    boxes, references = draw_boxes(seed, 30), draw_boxes(seed + 1, 30)
    coder = BoxCoder(weights=tuple(1 / std for std in STDS))  # pyright: ignore
    offsets = encode_boxes(boxes, references, STDS)
    torch.testing.assert_close(
        offsets, coder.encode_single(boxes, references), rtol=1e-4, atol=1e-4
    )
    wild = offsets * 3
    torch.testing.assert_close(
        decode_boxes(wild, references, STDS),
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


def test_intersections_give_the_ious_of_torchvision() -> None:
    boxes, others = draw_boxes(1, 2, 7), draw_boxes(2, 2, 9)
    shared = intersect(boxes, others)
    ious = shared / (box_areas(boxes)[:, :, None] + box_areas(others)[:, None] - shared)
    for picture in range(2):
        torch.testing.assert_close(ious[picture], box_iou(boxes[picture], others[picture]))


def test_clipping_agrees_with_torchvision() -> None:
    boxes = draw_boxes(3, 50)
    torch.testing.assert_close(clip_boxes(boxes, 60, 90), clip_boxes_to_image(boxes, (60, 90)))
