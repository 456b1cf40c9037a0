from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_iou

from smnas.arch.parts import Anchors
from smnas.detector import chunks
from smnas.detector.anchors import make_anchor_grid
from smnas.detector.contract import Targets
from smnas.detector.loss_settings import MatchSettings
from smnas.detector.matching import CandidateBoxes, match

SIZE = (96, 128)
GRID = make_anchor_grid(
    Anchors(scale=4.0, octaves=2), [8, 16], [(12, 16), (6, 8)], torch.device("cpu")
)
SETTINGS = MatchSettings(positive=0.5, negative=0.4, rescue=0.0)


def draw_targets(seed: int, batch: int, boxes: int, inside: bool = True) -> Targets:
    generator = torch.Generator().manual_seed(seed)
    limits = torch.tensor([SIZE[1], SIZE[0]], dtype=torch.float32)
    start = torch.rand(batch, boxes, 2, generator=generator) * limits * 0.8
    end = start + 1 + torch.rand(batch, boxes, 2, generator=generator) * (limits - start - 1)
    return Targets(
        boxes_BG4=torch.cat((start, end), dim=-1),
        labels_BG=torch.zeros(batch, boxes, dtype=torch.int64),
        valid_BG=torch.rand(batch, boxes, generator=generator) < 0.7,
        ignore_BG=torch.zeros(batch, boxes, dtype=torch.bool),
    )


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    boxes=st.integers(1, 8),
    rescue=st.sampled_from([None, 0.0]),
    positive=st.sampled_from([0.5, 0.7]),
)
def test_anchors_match_as_in_torchvision(
    seed: int, boxes: int, rescue: float | None, positive: float
) -> None:
    targets = draw_targets(seed, 3, boxes)
    found = match(GRID, targets, MatchSettings(positive=positive, negative=0.4, rescue=rescue))
    matcher = Matcher(positive, 0.4, allow_low_quality_matches=rescue is not None)
    for picture in range(3):
        (object_M,) = targets.valid_BG[picture].nonzero(as_tuple=True)
        if len(object_M) == 0:
            assert found.negative_BA[picture].all()
            continue
        ious = box_iou(targets.boxes_BG4[picture, object_M], GRID.boxes_A4)
        theirs = matcher(ious)
        assert torch.equal(found.positive_BA[picture], theirs >= 0)
        assert torch.equal(found.negative_BA[picture], theirs == -1)
        positive_A = theirs >= 0
        assert torch.equal(found.object_BA[picture][positive_A], object_M[theirs[positive_A]])


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    boxes=st.integers(0, 6),
    proposals=st.integers(0, 60),
    threshold=st.sampled_from([0.3, 0.5, 0.6, 0.7]),
)
def test_proposals_match_as_in_torchvision(
    seed: int, boxes: int, proposals: int, threshold: float
) -> None:
    targets = draw_targets(seed, 2, boxes)
    boxes_BR4 = draw_targets(seed + 1, 2, proposals).boxes_BG4
    found = match(
        CandidateBoxes(boxes_BR4), targets, MatchSettings(positive=threshold, negative=threshold)
    )
    for picture in range(2):
        (object_M,) = targets.valid_BG[picture].nonzero(as_tuple=True)
        if len(object_M) == 0 or proposals == 0:  # torchvision refuses these
            assert found.negative_BA[picture].all()
            continue
        theirs = Matcher(threshold, threshold)(
            box_iou(targets.boxes_BG4[picture, object_M], boxes_BR4[picture])
        )
        assert torch.equal(found.positive_BA[picture], theirs >= 0)
        assert torch.equal(found.negative_BA[picture], theirs == -1)
        positive = theirs >= 0
        assert torch.equal(found.object_BA[picture][positive], object_M[theirs[positive]])


def test_pieces_of_a_batch_match_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = draw_targets(3, 5, 6)
    found = match(GRID, targets, SETTINGS)
    for elements in (1, 2**60):
        monkeypatch.setattr(chunks, "_CACHED_ELEMENTS", elements)
        again = match(GRID, targets, SETTINGS)
        assert torch.equal(found.positive_BA, again.positive_BA)
        assert torch.equal(found.negative_BA, again.negative_BA)
        assert torch.equal(found.object_BA, again.object_BA)


def test_every_object_finds_an_anchor_when_the_best_are_rescued() -> None:
    targets = draw_targets(4, 4, 6)
    found = match(GRID, targets, MatchSettings(positive=0.99, negative=0.4, rescue=0.0))
    for picture in range(4):
        matched = found.object_BA[picture][found.positive_BA[picture]].unique()
        assert len(matched) >= targets.valid_BG[picture].sum() - 1  # two may share their best


def test_rescue_has_a_floor() -> None:
    targets = draw_targets(4, 4, 6)
    settings_ = MatchSettings(positive=0.999, negative=0.4, rescue=0.998)
    assert not match(GRID, targets, settings_).positive_BA.any()


def test_what_an_ignored_box_covers_is_neither() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 128.0, 96.0], [10.0, 10.0, 42.0, 42.0]]])
    targets = Targets(
        boxes_BG4=boxes,
        labels_BG=torch.zeros(1, 2, dtype=torch.int64),
        valid_BG=torch.tensor([[True, True]]),
        ignore_BG=torch.tensor([[True, False]]),
    )
    found = match(GRID, targets, SETTINGS)
    assert found.positive_BA.any()
    assert (found.object_BA[found.positive_BA] == 1).all()
    inside = GRID.boxes_A4.clamp(min=0)
    inside = torch.minimum(inside, torch.tensor([128.0, 96.0, 128.0, 96.0]))
    shared = (inside[:, 2:] - inside[:, :2]).prod(dim=1) / GRID.areas_BA[0]
    assert torch.equal(found.negative_BA[0], (shared <= 0.5) & ~found.positive_BA[0])


def test_positions_match_by_the_best_of_their_shapes() -> None:
    targets = draw_targets(6, 2, 4)
    found = match(GRID, targets, SETTINGS, shapes=6)
    boxes_SP4 = GRID.boxes_A4.unflatten(0, (6, -1))
    for picture in range(2):
        (object_M,) = targets.valid_BG[picture].nonzero(as_tuple=True)
        ious = [box_iou(targets.boxes_BG4[picture, object_M], shape) for shape in boxes_SP4]
        theirs = Matcher(0.5, 0.4, allow_low_quality_matches=True)(torch.stack(ious).amax(dim=0))
        assert torch.equal(found.positive_BA[picture], theirs >= 0)
        assert torch.equal(found.negative_BA[picture], theirs == -1)


@pytest.mark.parametrize("boxes", [0, 3])
def test_without_objects_all_is_background(boxes: int) -> None:
    found = match(GRID, Targets.empty(2, boxes), SETTINGS)
    assert found.negative_BA.all()
    assert not found.positive_BA.any()


def test_empty_candidates_match_nothing(make_targets: Callable[..., Targets]) -> None:
    candidates = CandidateBoxes(torch.zeros(2, 4, 4))
    found = match(
        candidates, make_targets(2, 3, 1, SIZE), MatchSettings(positive=0.5, negative=0.5)
    )
    assert not found.positive_BA.any()
