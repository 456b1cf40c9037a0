"""Numbers as people read them."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smnas.report import wording


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(wording).failed == 0


@given(st.floats(1e-5, 1e6))
def test_three_digits_is_near_and_never_in_powers_of_ten(value: float) -> None:
    text = wording.three_digits(value)
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=0.006)


def test_zero_and_missing() -> None:
    assert wording.three_digits(0.0) == "0"
    assert wording.milliseconds(None) == wording.percent(None) == wording.MISSING
