"""The chance to be on the front: by counting, and where it is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smnas.trial.front_chance import front_chances


@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_it_is_what_counting_gives(count: int, objectives: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, 3, (7, count, objectives)).astype(float)
    expected = []
    for me in range(count):
        free = 0
        for row in drawn:
            others = [row[other] for other in range(count) if other != me]
            free += not any((o >= row[me]).all() and (o > row[me]).any() for o in others)
        expected.append(free / 7)
    assert front_chances(drawn) == pytest.approx(expected)


def test_two_of_equal_cost_share_the_chance_by_how_far_they_are_apart() -> None:
    noise = np.random.default_rng(0).normal(size=(20_000, 2, 1))
    accuracy = np.array([[0.0], [1.0]]) + noise
    cost = np.zeros((20_000, 2, 1))
    first, second = front_chances(np.concatenate([accuracy, cost], axis=2))
    assert second == pytest.approx(0.5 * (1 + math.erf(0.5)), abs=0.01)  # of a normal difference
    assert first + second == pytest.approx(1.0)


def test_redraws_without_a_number_do_not_count() -> None:
    drawn = np.array([[[1.0], [2.0]], [[np.nan], [0.0]], [[3.0], [2.0]], [[1.0], [4.0]]])
    assert front_chances(drawn) == pytest.approx([1 / 3, 2 / 3])
    assert np.isnan(front_chances(drawn[1:2])).all()
