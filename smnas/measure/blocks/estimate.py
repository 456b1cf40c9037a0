"""The time of a block that was not timed, from those of blocks that compute the same on others."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from scipy.optimize import nnls

from smnas.measure.blocks.work import Work

FEWEST_ALIKE = 8
"""Timed blocks that it takes to tell another one's time."""


@dataclass(frozen=True)
class Law:
    """``constant_ms + ms_per_mac * macs + ms_per_value * values``, none of them negative.

    ``deviation`` is that of the logarithm of measured over told.
    """

    constant_ms: float
    ms_per_mac: float
    ms_per_value: float
    deviation: float

    def tell(self, work: Work) -> float:
        """Return the milliseconds of a block of this kind."""
        return self.constant_ms + self.ms_per_mac * work.macs + self.ms_per_value * work.values


def find_laws(timed: Iterable[tuple[Work, float]]) -> dict[str, Law]:
    """Return what tells the times of blocks that are alike, by what they share.

    Args:
        timed: Blocks and their milliseconds. Groups of fewer than ``FEWEST_ALIKE`` are left out.
    """
    groups: dict[str, list[tuple[Work, float]]] = {}
    for work, ms in timed:
        if work.alike is not None:
            groups.setdefault(work.alike, []).append((work, ms))
    return {name: _fit(known) for name, known in groups.items() if len(known) >= FEWEST_ALIKE}


def _fit(known: list[tuple[Work, float]]) -> Law:
    """Return the law with the least relative errors."""
    rows = np.array([[1.0, work.macs, work.values] for work, _ in known])
    scale = rows.max(axis=0).clip(min=1.0)
    times = np.array([ms for _, ms in known])
    found, _ = nnls(rows / scale / times[:, None], np.ones(len(known)))
    constant, per_mac, per_value = (found / scale).tolist()
    law = Law(constant, per_mac, per_value, 0.0)
    squares = sum(log(ms / law.tell(work)) ** 2 for work, ms in known)
    return Law(constant, per_mac, per_value, sqrt(squares / (len(known) - 3)))
