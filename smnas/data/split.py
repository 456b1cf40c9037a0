"""Splitting pictures by chance where the user brings no split."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from smnas.data.dataset import DetectionDataset
from smnas.seeding import generator


def split_pictures(
    dataset: DetectionDataset, shares: Mapping[str, float], seed: int
) -> dict[str, list[int]]:
    """Return which pictures go to which part, picture by picture, the same for the same seed.

    Pictures with objects and those without are split apart from each other, so that every part gets
    some of both where it can.

    Args:
        dataset: At least as many pictures with objects as parts.
        shares: The parts; the first takes what rounding leaves. Every part gets at least one
            picture with objects.
        seed: The user's seed.

    Returns:
        Ascending positions in the data set, for each part.
    """
    found = [dataset.annotations(index).objects.any() for index in range(len(dataset))]
    shows_objects = np.array(found, dtype=np.bool_)
    rng = generator(seed, "split")
    parts: dict[str, list[int]] = {name: [] for name in shares}
    for pictures, least in (
        (np.flatnonzero(shows_objects), 1),
        (np.flatnonzero(~shows_objects), 0),
    ):
        for name, chosen in _deal(rng.permutation(pictures), shares, least).items():
            parts[name] += chosen.tolist()
    return {name: sorted(chosen) for name, chosen in parts.items()}


def _deal(
    pictures: NDArray[np.int64], shares: Mapping[str, float], least: int
) -> dict[str, NDArray[np.int64]]:
    first, *others = shares
    dealt: dict[str, NDArray[np.int64]] = {}
    start = 0
    for name in others:
        stop = start + max(least, round(len(pictures) * shares[name]))
        dealt[name] = pictures[start:stop]
        start = stop
    dealt[first] = pictures[start:]
    return dealt
