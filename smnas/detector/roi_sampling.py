"""RoIs to learn from: proposals and ground truth of each picture, labelled and sampled.

Tensor letters: N sampled RoIs of each picture.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from smnas.detector.batch_part import BatchPart
from smnas.detector.contract import Detections, Targets
from smnas.detector.loss_settings import MatchSettings, SampleSettings
from smnas.detector.matching import CandidateBoxes, Matching, match
from smnas.detector.sampling import sample


@dataclass(frozen=True)
class LabelledRois:
    """RoIs and what a head should say about them."""

    boxes_BN4: Tensor
    """float32, pixels."""
    valid_BN: Tensor
    """bool: takes part in the loss."""
    positive_BN: Tensor
    """bool: belongs to an object."""
    labels_BN: Tensor
    """int64: class of the object, or K for background."""
    wanted_BN4: Tensor
    """float32: box of the object; meaningless where not positive."""


@torch.no_grad()
def sample_rois(
    proposals: Detections,
    targets: Targets,
    num_classes: int,
    match_settings: MatchSettings,
    sample_settings: SampleSettings,
    part: BatchPart,
) -> LabelledRois:
    """Return labelled RoIs sampled from the proposals and the objects themselves.

    The objects are there so that a head has positives before the proposals are any good.
    """
    boxes_BR4 = torch.cat((proposals.boxes_BD4, targets.boxes_BG4), dim=1)
    valid_BR = torch.cat((proposals.valid_BD, targets.objects_BG), dim=1)
    matching = _match_valid(boxes_BR4, valid_BR, targets, match_settings)
    chosen = sample(matching, sample_settings, part)
    index_BN = chosen.index_BN
    return _label(
        boxes_BR4.gather(1, index_BN[..., None].expand(-1, -1, 4)),
        chosen.valid_BN,
        chosen.positive_BN,
        matching.object_BA.gather(1, index_BN),
        targets,
        num_classes,
    )


@torch.no_grad()
def label_rois(
    boxes_BN4: Tensor,
    valid_BN: Tensor,
    targets: Targets,
    num_classes: int,
    settings: MatchSettings,
) -> LabelledRois:
    """Return the RoIs as they are, labelled; those between the thresholds become invalid."""
    matching = _match_valid(boxes_BN4, valid_BN, targets, settings)
    counts_BN = matching.positive_BA | matching.negative_BA
    return _label(
        boxes_BN4, counts_BN, matching.positive_BA, matching.object_BA, targets, num_classes
    )


def _match_valid(
    boxes_BR4: Tensor, valid_BR: Tensor, targets: Targets, settings: MatchSettings
) -> Matching:
    matching = match(CandidateBoxes(boxes_BR4), targets, settings)
    return Matching(
        matching.positive_BA & valid_BR, matching.negative_BA & valid_BR, matching.object_BA
    )


def _label(
    boxes_BN4: Tensor,
    valid_BN: Tensor,
    positive_BN: Tensor,
    object_BN: Tensor,
    targets: Targets,
    num_classes: int,
) -> LabelledRois:
    if targets.labels_BG.shape[1] == 0:
        labels_BN = torch.full_like(object_BN, num_classes)
        return LabelledRois(boxes_BN4, valid_BN, positive_BN, labels_BN, boxes_BN4)
    labels_BN = targets.labels_BG.gather(1, object_BN).masked_fill(~positive_BN, num_classes)
    wanted_BN4 = targets.boxes_BG4.gather(1, object_BN[..., None].expand(-1, -1, 4))
    return LabelledRois(boxes_BN4, valid_BN, positive_BN, labels_BN, wanted_BN4)
