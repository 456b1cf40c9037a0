"""Splitting pictures by chance where the user brings no split."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from smnas.data.dataset import DetectionDataset
from smnas.seeding import generator


def split_pictures(
    dataset: DetectionDataset,
    shares: Mapping[str, float],
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> dict[str, list[int]]:
    """Return which pictures go to which part, the same for the same seed.

    Groups with objects and those without are split apart from each other, so that every part gets
    some of both where it can. A group that is larger than what a part still lacks is left for the
    next one; so a large group ends in the first part.

    Args:
        dataset: At least as many groups with objects as parts.
        shares: The parts; the first takes what the others leave. Every part gets at least one
            group with objects.
        seed: The user's seed.
        groups: For each picture the first one of its group; None: every picture is its own.

    Returns:
        Ascending positions in the data set, for each part.
    """
    groups = np.arange(len(dataset)) if groups is None else groups
    filled = filled_groups(dataset, groups)
    sizes = np.bincount(groups, minlength=len(dataset))
    rng = generator(seed, "split")
    part_of: dict[int, str] = {}
    for chosen, least in ((filled, 1), (np.setdiff1d(groups, filled), 0)):
        dealt = _deal(rng.permutation(chosen).tolist(), sizes, shares, least)
        part_of |= {group: name for name, members in dealt.items() for group in members}
    parts: dict[str, list[int]] = {name: [] for name in shares}
    for index, group in enumerate(groups.tolist()):
        parts[part_of[group]].append(index)
    return parts


def filled_groups(dataset: DetectionDataset, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the groups that show an object, ascending."""
    found = [dataset.annotations(index).objects.any() for index in range(len(dataset))]
    return np.unique(groups[np.array(found, dtype=np.bool_)])


def _deal(
    groups: Sequence[int], sizes: NDArray[np.int64], shares: Mapping[str, float], least: int
) -> dict[str, list[int]]:
    """Return the groups of each part: in their order, as many as its share of pictures holds."""
    first, *others = shares
    total = int(sizes[list(groups)].sum())
    dealt: dict[str, list[int]] = {}
    left = list(groups)
    for unserved, name in zip(range(len(others), 0, -1), others, strict=True):
        room = max(least, round(total * shares[name]))
        most = len(left) - least * unserved
        chosen: list[int] = []
        for group in left:
            if sizes[group] <= room and len(chosen) < most:
                chosen.append(group)
                room -= int(sizes[group])
        if not chosen and least:
            chosen = [min(left, key=lambda group: sizes[group])]
        taken = set(chosen)
        left = [group for group in left if group not in taken]
        dealt[name] = chosen
    dealt[first] = left
    return dealt
