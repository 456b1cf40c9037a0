"""Kendall's tau by counting pairs, and what is left when a cause is taken out."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smnas.trial.correlation import kendall, without


@given(st.permutations(range(7)), st.permutations(range(7)))
def test_tau_counts_pairs_in_the_same_order(a: list[int], b: list[int]) -> None:
    signs = [np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in combinations(range(7), 2)]
    assert kendall(a, b) == pytest.approx(sum(signs) / 21)


def test_no_order_has_no_tau() -> None:
    assert kendall([1.0, 2.0], [1.0, 2.0]) is None
    assert kendall([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None


def test_what_a_line_explains_is_taken_out() -> None:
    cause = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    own = np.array([0.3, -0.1, 0.2, -0.3, 0.1])
    rest = without(2.0 + 5.0 * cause + own, cause)
    assert np.polyfit(cause, rest, 1) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert rest == pytest.approx(without(own, cause))
    assert not without(2.0 + 5.0 * cause, cause).any()
