"""Sampling: which matched candidates a loss sees, in fixed shapes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from smnas.detector.batch_part import BatchPart
from smnas.detector.loss_settings import SampleSettings
from smnas.detector.matching import Matching


@dataclass(frozen=True)
class Sample:
    """Sampled candidates of each picture, positives first; N is the count asked for, or fewer."""

    index_BN: Tensor
    """int64: index along A."""
    positive_BN: Tensor
    """bool: belongs to an object."""
    valid_BN: Tensor
    """bool: was sampled; the others fill up."""


def sample(matching: Matching, settings: SampleSettings, part: BatchPart) -> Sample:
    """Draw positives up to their share, and negatives for the rest, of each picture.

    Args:
        matching: What each candidate is.
        settings: How many, and which share may be positive.
        part: Draws.
    """
    positive_BA = matching.positive_BA
    count = min(settings.count, positive_BA.shape[1])
    most = min(int(settings.count * settings.positive_share), count)
    draws_BA = part.draw(*positive_BA.shape).to(positive_BA.device)
    if most == 0:
        drawn_BA = torch.zeros_like(positive_BA)
    else:
        positive_draws = draws_BA.masked_fill(~positive_BA, -1.0)
        limit_B1 = positive_draws.topk(most, dim=1).values[:, -1:]
        drawn_BA = positive_BA & (positive_draws >= limit_B1)
    # Drawn positives come first, then negatives in random order, then the rest.
    rank_BA = draws_BA.masked_fill(~matching.negative_BA, -1.0).masked_fill(drawn_BA, 2.0)
    ranks_BN, index_BN = rank_BA.topk(count, dim=1)
    return Sample(index_BN, positive_BN=ranks_BN > 1.0, valid_BN=ranks_BN >= 0.0)
