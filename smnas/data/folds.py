"""Folds: pictures dealt into parts, each of which is held out from one training.

So every picture is judged once, by a detector that has not seen it (docs/decisions/0006).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smnas.data.dataset import DetectionDataset, Subset
from smnas.data.split import split_pictures
from smnas.data.wording import count
from smnas.errors import ConfigError
from smnas.seeding import derive_seed

MIN_FOLDS, MAX_FOLDS = 3, 10
"""With two, half of the trainings would see nothing but the pictures of a validation split."""


@dataclass(frozen=True)
class Folds:
    """Which pictures each training is judged on; it learns from all the others.

    Attributes:
        pool: All pictures.
        parts: Positions in the pool, ascending, of what each fold holds out.
        shown: The pool as trainings read it, where that is another form of it.
    """

    pool: DetectionDataset
    parts: tuple[tuple[int, ...], ...]
    shown: DetectionDataset | None = None

    def __len__(self) -> int:
        """Return the number of folds."""
        return len(self.parts)

    def held_out(self, fold: int) -> DetectionDataset:
        """Return what ``fold`` (from 0) judges on."""
        return Subset(self.pool, self.parts[fold], f"{self.pool.name}/fold {fold + 1}")

    def train(self, fold: int) -> DetectionDataset:
        """Return what the training of ``fold`` (from 0) learns from, in the pool's order."""
        left_out = set(self.parts[fold])
        kept = [index for index in range(len(self.pool)) if index not in left_out]
        name = f"{self.pool.name}/all but fold {fold + 1}"
        return Subset(self.pool if self.shown is None else self.shown, kept, name)

    def shown_as(self, pool: DetectionDataset) -> "Folds":
        """Return the same folds, whose trainings read another form of the pool."""
        return replace(self, shown=pool)


def deal_folds(
    whole: DetectionDataset,
    train: Sequence[int],
    val: Sequence[int],
    groups: NDArray[np.int64],
    folds: int,
    seed: int,
) -> Folds:
    """Return folds of the pictures of a split; the first holds out its validation pictures.

    So the trainings of the first fold are those of a search without folds. The training pictures
    are dealt evenly to the other folds, what belongs together to one of them.

    Args:
        whole: The data set.
        train: Positions in it to train on.
        val: Positions to validate on.
        groups: For each picture of ``whole`` the first one of its group.
        folds: How many.
        seed: The user's seed.

    Raises:
        ConfigError: There are fewer groups with objects than folds.
    """
    pictures = Subset(whole, train, "")
    own_groups = np.unique(groups[list(train)], return_inverse=True)[1].astype(np.int64)
    inhabited = {
        int(group)
        for index, group in enumerate(own_groups)
        if pictures.annotations(index).objects.any()
    }
    others = folds - 1
    if len(inhabited) < others:
        raise ConfigError(
            f"folds: {count(len(inhabited), 'group')} of training pictures with objects cannot be "
            f"dealt into {others} more folds; expected at most {len(inhabited) + 1} folds"
        )
    shares = {str(fold): 1.0 / others for fold in range(others)}
    dealt = split_pictures(pictures, shares, derive_seed(seed, "folds"), own_groups)
    members = [list(val), *([train[at] for at in positions] for positions in dealt.values())]
    pool = sorted(index for part in members for index in part)
    place = {index: position for position, index in enumerate(pool)}
    parts = tuple(tuple(sorted(place[index] for index in part)) for part in members)
    return Folds(Subset(whole, pool, f"{whole.name}/train and val"), parts)
