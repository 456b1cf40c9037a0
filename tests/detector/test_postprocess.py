import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import batched_nms

from smnas.detector import postprocess
from smnas.detector.postprocess import keep_best, suppress


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    candidates=st.integers(0, 60),
    classes=st.integers(1, 4),
    count=st.sampled_from([1, 10, 100]),
)
def test_what_is_kept_is_torchvisions_nms(
    seed: int, candidates: int, classes: int, count: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(2, candidates, 2, generator=generator) * 50
    size = 5 + torch.rand(2, candidates, 2, generator=generator) * 30
    boxes = torch.cat((start, start + size), -1)
    scores = torch.rand(2, candidates, generator=generator)
    labels = torch.randint(classes, (2, candidates), generator=generator)
    found = keep_best(boxes, scores, labels, min_score=0.2, max_iou=0.4, count=count)
    assert found.boxes_BD4.shape == (2, count, 4)
    for picture in range(2):
        (alive,) = (scores[picture] > 0.2).nonzero(as_tuple=True)
        kept = alive[
            batched_nms(boxes[picture, alive], scores[picture, alive], labels[picture, alive], 0.4)
        ][:count]
        valid = found.valid_BD[picture]
        assert valid.sum() == len(kept)
        assert valid[: len(kept)].all()
        torch.testing.assert_close(found.boxes_BD4[picture, valid], boxes[picture, kept])
        torch.testing.assert_close(found.scores_BD[picture, valid], scores[picture, kept])
        assert torch.equal(found.labels_BD[picture, valid], labels[picture, kept])
        assert (found.scores_BD[picture, ~valid] == 0).all()


def test_many_boxes_are_suppressed_as_few(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.rand(2, 200, 2, generator=generator) * 60
    boxes = torch.cat((start, start + 5 + torch.rand(2, 200, 2, generator=generator) * 30), -1)
    scores = torch.rand(2, 200, generator=generator)
    labels = torch.randint(3, (2, 200), generator=generator)
    alive = torch.rand(2, 200, generator=generator) < 0.9
    few = suppress(boxes, scores, labels, alive, 0.5, 200)
    monkeypatch.setattr(postprocess, "_FEW_BOXES", 10)
    assert torch.equal(suppress(boxes, scores, labels, alive, 0.5, 200), few)
    assert 0 < few.sum() < alive.sum()


def test_nothing_alive_keeps_nothing() -> None:
    found = keep_best(torch.ones(2, 3, 4), torch.zeros(2, 3), torch.zeros(2, 3).long(), 0.5, 0.5, 2)
    assert not found.valid_BD.any()


def test_boxes_without_area_are_dropped() -> None:
    boxes = torch.tensor([[[5.0, 5, 5, 20], [5.0, 5, 20, 20], [9.0, 9, 4, 4]]])
    found = keep_best(boxes, torch.ones(1, 3), torch.zeros(1, 3).long(), 0.0, 0.5, 3)
    assert found.valid_BD.tolist() == [[True, False, False]]


@pytest.mark.parametrize(
    ("min_side", "valid"), [(-1.0, [True] * 3), (0.0, [False, True, True]), (2.0, [False] * 2)]
)
def test_small_boxes_are_dropped_by_their_lesser_side(min_side: float, valid: list[bool]) -> None:
    boxes = torch.tensor([[[5.0, 5, 5, 20], [5.0, 5, 7, 20], [30.0, 5, 60, 6]]])
    labels = torch.zeros(1, 3).long()
    found = keep_best(boxes, torch.ones(1, 3), labels, 0.0, 0.5, 3, min_side=min_side)
    assert sorted(found.valid_BD[0].tolist())[: len(valid)] == valid
    assert (found.boxes_BD4[0, ~found.valid_BD[0]] == 0).all()


def test_a_thousand_classes_keep_sub_pixel_precision() -> None:
    # Two boxes of the last class whose IoU is just above, and just below, the threshold.
    for overlap, kept in ((5.01, 1), (4.99, 2)):
        boxes = torch.tensor([[[0.0, 0, 1333, 10], [0.0, 10 - overlap, 1333, 20 - overlap]]])
        iou = overlap / (20 - overlap)
        labels = torch.full((1, 2), 999)
        scores = torch.tensor([[0.9, 0.8]])
        found = keep_best(boxes, scores, labels, 0.0, (iou + 1 / 3) / 2, 2)
        assert found.valid_BD.sum() == (1 if iou > 1 / 3 else 2) == kept
