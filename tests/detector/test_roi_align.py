import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import roi_align
from torchvision.ops.poolers import LevelMapper

from smnas.detector.roi_align import RoiAlign, assign_levels
from smnas.detector.roi_matmul import align_by_matmul

CHANNELS, CELLS = 3, 7


def draw_rois(seed: int, batch: int, rois: int, side: float, largest: float = 1.0) -> Tensor:
    """RoIs around a picture of ``side``, up to ``largest`` times as large as it."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(batch, rois, 2, generator=generator) * side - side / 10
    size = torch.rand(batch, rois, 2, generator=generator) * side * largest
    return torch.cat((start, start + size), -1)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    height=st.integers(1, 80),
    width=st.integers(1, 80),
    largest=st.sampled_from([0.1, 0.5, 1.0]),
    rois=st.integers(0, 6),
    cells=st.sampled_from([1, 2, 7]),
    aligned=st.booleans(),
)
def test_matmuls_are_torchvisions_roi_align(
    seed: int, height: int, width: int, largest: float, rois: int, cells: int, aligned: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(2, CHANNELS, height, width, generator=generator, requires_grad=True)
    boxes = draw_rois(seed, 2, rois, 8.0 * max(height, width), largest)
    level = torch.zeros(2, rois, dtype=torch.int64)
    found = align_by_matmul([maps], boxes, level, cells, [8], aligned)
    wanted = roi_align(maps, list(boxes), (cells, cells), 1 / 8, 2, aligned)
    wanted = wanted.transpose(1, 2).unflatten(0, (2, rois))
    torch.testing.assert_close(found, wanted, rtol=0, atol=5e-5)
    grad = torch.randn(found.shape, generator=generator)
    (found_grad,) = torch.autograd.grad(found, maps, grad)
    (wanted_grad,) = torch.autograd.grad(wanted, maps, grad)
    torch.testing.assert_close(found_grad, wanted_grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("levels", [(1, 2, 3, 4), (2, 3), (3,)])
@pytest.mark.parametrize("aligned", [True, False])
def test_what_is_compiled_sees_the_same_features(
    levels: tuple[int, ...], aligned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    strides = [2 * 2**level for level in levels]
    generator = torch.Generator().manual_seed(0)
    maps = [
        torch.randn(2, CHANNELS, 512 // stride, 512 // stride, generator=generator)
        for stride in strides
    ]
    align = RoiAlign(CELLS, levels, strides, aligned)
    boxes = draw_rois(1, 2, 40, 500.0).clamp(0, 512)
    valid = torch.rand(2, 40, generator=generator) < 0.7
    found = align(maps, boxes, valid)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    compiled = align(maps, boxes, valid)
    assert found.shape == (2, 40, CELLS, CHANNELS, CELLS)
    torch.testing.assert_close(found, compiled, rtol=0, atol=5e-5)
    assert (found[~valid] == 0).all()
    assert (found[valid] != 0).flatten(1).any(dim=1).float().mean() > 0.9


def test_gradients_reach_every_level_that_is_used() -> None:
    maps = [torch.randn(1, CHANNELS, 64 // k, 64 // k, requires_grad=True) for k in (1, 2, 4)]
    align = RoiAlign(CELLS, (1, 2, 3), [4, 8, 16]).train()
    boxes = torch.tensor([[[0.0, 0, 40, 40], [0.0, 0, 250, 250]]])
    align(maps, boxes, torch.ones(1, 2, dtype=torch.bool)).sum().backward()
    used = [level.grad is not None and bool((level.grad != 0).any()) for level in maps]
    assert used == [True, False, True]


def test_no_valid_roi_gives_zeros() -> None:
    align = RoiAlign(CELLS, (2, 3), [8, 16])
    maps = [torch.randn(2, CHANNELS, 8, 8, requires_grad=True), torch.randn(2, CHANNELS, 4, 4)]
    found = align(maps, torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.bool))
    assert (found == 0).all()


def test_half_precision_is_close() -> None:
    maps = torch.randn(1, 16, 20, 20, generator=torch.Generator().manual_seed(0))
    boxes = draw_rois(2, 1, 20, 150.0)
    level = torch.zeros(1, 20, dtype=torch.int64)
    with torch.autocast("cpu", torch.bfloat16):
        half = align_by_matmul([maps.bfloat16()], boxes, level, CELLS, [8])
    full = align_by_matmul([maps], boxes, level, CELLS, [8])
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), full, rtol=0, atol=0.05)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), first=st.integers(1, 3), count=st.integers(1, 3))
def test_levels_are_assigned_as_in_torchvision(seed: int, first: int, count: int) -> None:
    last = min(4, first + count)
    boxes = draw_rois(seed, 1, 50, 900.0)
    theirs = LevelMapper(first + 1, last + 1)([boxes[0]])  # ResNet's numbers are one higher
    assert torch.equal(assign_levels(boxes, tuple(range(first, last + 1)))[0], theirs)


def test_sides_on_the_border_belong_to_the_upper_level() -> None:
    boxes = torch.tensor([[[0.0, 0, 224, 224], [0.0, 0, 112, 112], [0.0, 0, 111, 111]]])
    assert assign_levels(boxes, (1, 2, 3, 4)).tolist() == [[2, 1, 0]]


@pytest.mark.parametrize("border", [28.0, 112.0, 224.0, 448.0])
def test_a_hair_off_the_border_is_where_torchvision_puts_it(border: float) -> None:
    sides = border * (1 + torch.linspace(-4e-6, 4e-6, 81, dtype=torch.float64)).float()
    boxes = torch.stack((torch.zeros(81), torch.zeros(81), sides, sides), dim=-1)
    theirs = LevelMapper(2, 5)([boxes])
    assert torch.equal(assign_levels(boxes[None], (1, 2, 3, 4))[0], theirs)
