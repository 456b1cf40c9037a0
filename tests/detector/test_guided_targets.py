import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_iou

from smnas.detector.contract import Targets
from smnas.detector.guided_targets import bounded_iou_sum, locate

SHAPES, STRIDES = [(16, 16), (8, 8), (4, 4)], [4, 8, 16]


def targets_of(*boxes: tuple[float, float, float, float], ignored: int = 0) -> Targets:
    count = len(boxes)
    return Targets(
        boxes_BG4=torch.tensor([boxes]),
        labels_BG=torch.zeros(1, count, dtype=torch.int64),
        valid_BG=torch.ones(1, count, dtype=torch.bool),
        ignore_BG=torch.tensor([[place >= count - ignored for place in range(count)]]),
    )


def by_level(flat: Tensor) -> list[Tensor]:
    parts = flat[0].split([rows * columns for rows, columns in SHAPES])
    return [part.view(shape) for part, shape in zip(parts, SHAPES, strict=True)]


def test_an_object_is_located_on_the_level_of_its_size() -> None:
    found = locate(targets_of((16.0, 16, 48, 48)), SHAPES, STRIDES, finest_side=16)
    fine, middle, coarse = by_level(found.positive_BP)
    assert not fine.any()
    assert not coarse.any()
    # The middle fifth of positions 2 to 6 is 3.6 to 4.4: position 4.
    assert middle.nonzero().tolist() == [[4, 4]]
    _, weights, _ = by_level(found.weights_BP)
    assert weights[4, 4] == 1
    assert weights[3, 3] == weights[5, 5] == 0  # the middle half: 3 to 5
    assert weights[2, 4] == weights[0, 0] == pytest.approx(0.1)


def test_neighbouring_levels_do_not_count_around_an_object() -> None:
    found = locate(targets_of((16.0, 16, 48, 48)), SHAPES, STRIDES, finest_side=16)
    fine, _, coarse = by_level(found.weights_BP)
    assert (fine[6:11, 6:11] == 0).all()
    assert fine[5, 5] > 0
    assert coarse[2, 2] == 0
    assert coarse[0, 0] > 0


def test_what_a_box_to_be_ignored_covers_does_not_count() -> None:
    found = locate(targets_of((16.0, 16, 48, 48), (0.0, 0, 64, 64), ignored=1), SHAPES, STRIDES, 16)
    assert found.positive_BP.sum() == 1
    assert (found.weights_BP[~found.positive_BP] == 0).all()


def test_without_objects_all_is_negative() -> None:
    for targets in (Targets.empty(2, 0), Targets.empty(2, 3)):
        found = locate(targets, SHAPES, STRIDES, 16)
        assert not found.positive_BP.any()
        assert (found.weights_BP == 0.1).all()


def test_bounded_iou_compares_sides_and_has_a_gradient() -> None:
    wanted = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 10]])
    anchors = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 20, 5]], requires_grad=True)
    loss = bounded_iou_sum(anchors, wanted, beta=0.2)
    # Both sides of the second are off by a factor of two: 0.5, in the linear part.
    torch.testing.assert_close(loss, torch.tensor(2 * (0.5 - 0.1)), rtol=1e-4, atol=1e-4)
    loss.backward()
    assert anchors.grad is not None
    assert anchors.grad[1, 2] > 0  # too wide
    assert anchors.grad[1, 3] < 0  # too low


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(0, 9),
    beta=st.sampled_from([0.1, 0.2, 1.0]),
)
def test_bounded_iou_is_the_iou_of_boxes_that_differ_along_one_axis(
    seed: int, rows: int, beta: float
) -> None:
    sides_2N2 = 1 + 60 * torch.rand(2, rows, 2, generator=torch.Generator().manual_seed(seed))
    found_N2, wanted_N2 = sides_2N2
    total = torch.zeros(())
    for axis in (0, 1):
        # The wanted box, with one of its sides as found.
        stretched_N2 = wanted_N2.clone()
        stretched_N2[:, axis] = found_N2[:, axis]
        ious_N = box_iou(centred(stretched_N2), centred(wanted_N2)).diagonal()
        total += F.smooth_l1_loss(1 - ious_N, torch.zeros(rows), beta=beta, reduction="sum")
    loss = bounded_iou_sum(centred(found_N2), centred(wanted_N2), beta)
    torch.testing.assert_close(loss, total, rtol=1e-4, atol=1e-4)


def centred(sides_N2: Tensor) -> Tensor:
    return torch.cat((-sides_N2 / 2, sides_N2 / 2), dim=1)
