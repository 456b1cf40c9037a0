"""Second seeds: near-ties on the front are trained once more before the search goes on."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from smnas.arch import DetectorArch
from smnas.trial.budget import Budget
from smnas.trial.front import Objective
from smnas.trial.trial import Trial

MOST_SEEDS = 2
"""Trainings of one arch at one budget, at most."""


def next_repeat(
    front: Sequence[Trial],
    merit: Objective,
    cost: Objective,
    seeds: Mapping[tuple[DetectorArch, Budget], int],
) -> Trial | None:
    """Return the member of the front that is to be trained once more, or None.

    Two neighbours on the front are a near-tie when the dearer one is more accurate by no more than
    the tie width: one of them may owe its place to its seed. The nearest tie comes first, and of
    the two the one with fewer seeds.
    """
    ties: list[tuple[float, int, int, Trial]] = []
    ordered = sorted(front, key=lambda trial: (-cost.of(trial), trial.number))
    for pair in pairwise(ordered):
        gap = merit.of(pair[1]) - merit.of(pair[0])
        for trial in pair:
            had = seeds.get((trial.proposal.arch, trial.proposal.budget), 1)
            if abs(gap) <= merit.utility_tie and had < MOST_SEEDS:
                ties.append((abs(gap), had, trial.number, trial))
    return min(ties, key=lambda item: item[:3])[3] if ties else None
