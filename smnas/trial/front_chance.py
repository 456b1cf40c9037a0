"""How sure a place on the front is: the share of redrawn measurements in which nothing beats it."""

import numpy as np
from numpy.typing import NDArray

FRONT_CHANCE = "front_chance"
"""Name of that share among the measurements of a final, 0 to 1."""


def front_chances(utilities_BNM: NDArray[np.float64]) -> list[float]:
    """Return for each detector the share of redraws in which no other dominates it.

    In one redraw a detector is dominated where another is not worse in any objective and better in
    one; tie widths play no part, since a redraw is a whole possible truth.

    Args:
        utilities_BNM: B redraws of N detectors in M objectives, each the more the better. Redraws
            in which a number is missing (NaN) are left out.

    Returns:
        N shares; NaN where no redraw is whole.
    """
    whole_BNM = utilities_BNM[~np.isnan(utilities_BNM).any(axis=(1, 2))]
    if not len(whole_BNM):
        return [float("nan")] * utilities_BNM.shape[1]
    gain_BNNM = whole_BNM[:, None, :, :] - whole_BNM[:, :, None, :]
    beaten_BNN = (gain_BNNM >= 0.0).all(axis=3) & (gain_BNNM > 0.0).any(axis=3)
    return (~np.any(beaten_BNN, axis=2)).mean(axis=0).tolist()
