"""How well two rankings agree (the only file that knows scipy)."""

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

Values = Sequence[float] | NDArray[np.float64]


def kendall(a: Values, b: Values) -> float | None:
    """Return Kendall's tau-b, 1 for the same order and -1 for its reverse.

    Returns:
        None where there are fewer than three pairs, or one side is all ties: there is no order.
    """
    if len(a) < 3:
        return None
    found: Any = kendalltau(a, b)
    return None if isnan(found.statistic) else float(found.statistic)


def without(values: Values, cause: Values) -> NDArray[np.float64]:
    """Return what a straight line over ``cause`` does not explain of ``values``."""
    line = np.stack([np.ones(len(cause)), np.asarray(cause, np.float64)], axis=1)
    asked = np.asarray(values, np.float64)
    found = np.linalg.lstsq(line, asked, rcond=None)[0]
    rest = asked - line @ found
    # What is explained to the last bit is no order of what is left.
    return np.where(np.abs(rest) > 1e-12 * np.abs(asked).max(initial=0.0), rest, 0.0)
