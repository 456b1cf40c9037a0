"""Matching: which anchor or proposal belongs to which ground-truth box, for a whole batch at once.

A stands for anchors here, or for any other candidate boxes (proposals R).
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from smnas.detector.boxes import box_areas, intersect
from smnas.detector.chunks import picture_chunks
from smnas.detector.contract import Targets
from smnas.detector.loss_settings import MatchSettings

_TINY_AREA = 1e-9
"""Keeps 0 / 0 out where an empty candidate meets a padded box."""


class Candidates(Protocol):
    """Boxes that may belong to objects."""

    @property
    def areas_BA(self) -> Tensor:
        """Areas in square pixels; (1, A) where all pictures share the candidates."""
        ...

    def intersect(self, boxes_BG4: Tensor) -> Tensor:
        """Return the area that each box shares with each candidate, (B, G, A)."""
        ...

    def of_pictures(self, pictures: slice) -> "Candidates":
        """Return the candidates of some pictures of the batch."""
        ...


@dataclass(frozen=True)
class CandidateBoxes:
    """Candidates that each picture has its own of."""

    boxes_BA4: Tensor

    @property
    def areas_BA(self) -> Tensor:
        """Areas in square pixels."""
        return box_areas(self.boxes_BA4)

    def intersect(self, boxes_BG4: Tensor) -> Tensor:
        """Return the area that each box shares with each candidate, (B, G, A)."""
        return intersect(boxes_BG4, self.boxes_BA4)

    def of_pictures(self, pictures: slice) -> "CandidateBoxes":
        """Return the candidates of some pictures of the batch."""
        return CandidateBoxes(self.boxes_BA4[pictures])


@dataclass(frozen=True)
class Matching:
    """What each candidate is; neither positive nor negative means that no loss sees it."""

    positive_BA: Tensor
    """bool: belongs to an object."""
    negative_BA: Tensor
    """bool: background."""
    object_BA: Tensor
    """int64: index along G of the object; 0 where not positive."""


@torch.no_grad()
def match(
    candidates: Candidates, targets: Targets, settings: MatchSettings, shapes: int = 1
) -> Matching:
    """Match candidates to objects by intersection over union (IoU).

    A candidate belongs to the object with which it has the highest IoU if that is at least
    ``settings.positive``, or if no other candidate has a higher one with some object and this is at
    least ``settings.rescue``.

    Args:
        candidates: Anchors or proposals.
        targets: Ground truth; boxes to be ignored match nothing, and what they cover is not
            negative.
        settings: Thresholds.
        shapes: Where above 1, the candidates are (shape, position) pairs, the shape slowest, and
            positions are matched: each with the best of its shapes.

    Returns:
        The matching, on the device of the targets.
    """
    batch, objects = targets.valid_BG.shape
    count = candidates.areas_BA.shape[1]
    parts = [
        _match_pictures(
            candidates.of_pictures(pictures), targets.of_pictures(pictures), settings, shapes
        )
        for pictures in picture_chunks(batch, objects * count, targets.valid_BG.device)
    ]
    return Matching(
        positive_BA=torch.cat([part.positive_BA for part in parts]),
        negative_BA=torch.cat([part.negative_BA for part in parts]),
        object_BA=torch.cat([part.object_BA for part in parts]),
    )


def _match_pictures(
    candidates: Candidates, targets: Targets, settings: MatchSettings, shapes: int
) -> Matching:
    ious_BGA = _ious(candidates, targets.boxes_BG4, targets.objects_BG)
    if shapes > 1:
        ious_BGA = ious_BGA.unflatten(2, (shapes, -1)).amax(dim=2)
    batch, objects, count = ious_BGA.shape
    if objects == 0:
        nothing = ious_BGA.new_zeros(batch, count, dtype=torch.bool)
        return Matching(nothing, ~nothing, nothing.long())
    best_BA = ious_BGA.amax(dim=1)
    positive_BA = best_BA >= settings.positive
    if settings.rescue is not None:
        positive_BA |= _is_best_of_an_object(ious_BGA, settings.rescue)
    negative_BA = (best_BA < settings.negative) & ~positive_BA
    if bool(targets.ignore_BG.any()):
        covered_BA = _is_covered(candidates, targets, settings.ignore_cover)
        negative_BA &= ~covered_BA.unflatten(1, (shapes, -1)).any(dim=1)
    # Only few are positive: the costly arg max runs over those alone.
    picture_N, candidate_N = positive_BA.nonzero(as_tuple=True)
    object_BA = torch.zeros_like(positive_BA, dtype=torch.int64)
    object_BA[picture_N, candidate_N] = ious_BGA[picture_N, :, candidate_N].argmax(dim=1)
    return Matching(positive_BA, negative_BA, object_BA)


def _ious(candidates: Candidates, boxes_BG4: Tensor, wanted_BG: Tensor) -> Tensor:
    """Return IoUs (B, G, A); 0 for boxes that are not wanted."""
    boxes_BG4 = boxes_BG4 * wanted_BG[..., None]
    shared_BGA = candidates.intersect(boxes_BG4)
    union_BGA = candidates.areas_BA.clamp(min=_TINY_AREA)[:, None] + box_areas(boxes_BG4)[..., None]
    return shared_BGA.div_(union_BGA.sub_(shared_BGA))


def _is_best_of_an_object(ious_BGA: Tensor, floor: float) -> Tensor:
    best_BG = ious_BGA.amax(dim=2)
    reachable_BG = (best_BG > 0) & (best_BG >= floor)
    limit_BG = best_BG.masked_fill(~reachable_BG, torch.inf)
    return (ious_BGA >= limit_BG[..., None]).any(dim=1)


def _is_covered(candidates: Candidates, targets: Targets, share: float) -> Tensor:
    ignored_BG = targets.valid_BG & targets.ignore_BG
    shared_BGA = candidates.intersect(targets.boxes_BG4 * ignored_BG[..., None])
    return shared_BGA.amax(dim=1) > share * candidates.areas_BA
