"""From the sum of a detector's blocks to what the whole takes, by whole detectors that were timed.

What blocks do not show is nearly the same for all of a family, one-stage or two-stage: what happens
between them, and how they follow each other in the caches. So each family has a constant, and the
sum one factor. The error is that of detectors that this was not fitted to.
"""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, hypot, log, sqrt

import numpy as np
from scipy.optimize import nnls

from smnas.measure.standalone import STUDENT_975

FEWEST = 8
"""Whole detectors that it takes to know the error."""
FEWEST_OF_FAMILY = 3
"""Of the family that is predicted."""


@dataclass(frozen=True)
class Example:
    """A detector that was timed: its family, the sum of its blocks, and the whole."""

    family: str
    sum_ms: float
    whole_ms: float


@dataclass(frozen=True)
class Calibration:
    """``constant_ms + factor * sum``, and how far detectors are from that.

    Attributes:
        constants_ms: By family, 0 or more.
        factor: Of the sum of the blocks.
        error: Median relative error of each detector by the others.
        deviation: Of the logarithm of measured over predicted, likewise.
        detectors: How many there were.
    """

    constants_ms: dict[str, float]
    factor: float
    error: float
    deviation: float
    detectors: int

    def knows(self, family: str) -> bool:
        """Return whether it has seen enough of a family."""
        return family in self.constants_ms

    def predict(self, family: str, sum_ms: float) -> float:
        """Return the milliseconds of a detector whose blocks take ``sum_ms``."""
        return self.constants_ms[family] + self.factor * sum_ms

    def interval(
        self, family: str, sum_ms: float, deviation_ms: float = 0.0
    ) -> tuple[float, float]:
        """Return where its measured time falls with 95 %; ``deviation_ms``: that of the sum."""
        freedom = self.detectors - len(self.constants_ms) - 1
        points = (*STUDENT_975[freedom - 1 : freedom], 1.96 + 2.37 / freedom + 2.8 / freedom**2)[0]
        own = self.deviation * sqrt(1.0 + 1.0 / self.detectors)
        of_sum = self.factor * deviation_ms / self.predict(family, sum_ms)
        factor = exp(points * hypot(own, of_sum))
        return self.predict(family, sum_ms) / factor, self.predict(family, sum_ms) * factor


def calibrate(examples: Sequence[Example]) -> Calibration | None:
    """Return what has the least relative errors, or None of fewer than ``FEWEST`` detectors.

    Families of which there are too few are left out.
    """
    counts = Counter(example.family for example in examples)
    families = sorted(name for name, count in counts.items() if count >= FEWEST_OF_FAMILY)
    known = [example for example in examples if example.family in families]
    if len(known) < FEWEST:
        return None
    logs = [
        _miss(_fit(known[:place] + known[place + 1 :], families), families, left_out)
        for place, left_out in enumerate(known)
    ]
    *constants, factor = _fit(known, families)
    return Calibration(
        constants_ms=dict(zip(families, constants, strict=True)),
        factor=factor,
        error=statistics.median(abs(exp(-value) - 1.0) for value in logs),
        deviation=sqrt(sum(value**2 for value in logs) / len(logs)),
        detectors=len(known),
    )


def _fit(known: Sequence[Example], families: Sequence[str]) -> list[float]:
    """Return the constants of the families and the factor; none is negative."""
    rows = np.array([_features(example, families) for example in known])
    whole = np.array([example.whole_ms for example in known])
    found, _ = nnls(rows / whole[:, None], np.ones(len(known)))
    return found.tolist()


def _miss(fitted: Sequence[float], families: Sequence[str], example: Example) -> float:
    features = _features(example, families)
    predicted = sum(a * b for a, b in zip(fitted, features, strict=True))
    return log(example.whole_ms / predicted)


def _features(example: Example, families: Sequence[str]) -> list[float]:
    return [*(float(example.family == name) for name in families), example.sum_ms]
