"""Domination, fronts, ranks, hypervolume and spread, against moocore and a plain reading."""

import math

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.errors import ComparisonError
from smnas.trial.front import (
    Objective,
    comparable,
    dominates,
    front,
    hypervolume,
    pareto_ranks,
    plausible,
    spread_along,
)

AP = Objective(metric="ap", maximise=True, tie=0.005)
MS = Objective(metric="latency_ms", maximise=False, tie=0.03, log=True)
BOTH = [AP, MS]
PLAIN = [
    Objective(metric="ap", maximise=True),
    Objective(metric="latency_ms", maximise=False, log=True),
]

# Few distinct values, so that equal ones and near-ties are common.
POINTS = st.lists(
    st.tuples(
        st.integers(0, 12).map(lambda i: i / 250), st.integers(0, 12).map(lambda i: 5 + i / 8)
    ),
    max_size=25,
)


def _trials(make_trial, points):
    return [make_trial(i, ap=ap, latency_ms=ms) for i, (ap, ms) in enumerate(points)]


def _plainly_dominates(a, b):
    """Design.md's sentence, read word by word."""
    not_worse = a[0] >= b[0] and a[1] <= b[1]
    return not_worse and (a[0] - b[0] > 0.005 or math.log(b[1]) - math.log(a[1]) > math.log1p(0.03))


@given(POINTS)
@settings(deadline=None, max_examples=100)
def test_front_agrees_with_a_plain_reading_of_the_rule(make_trial, points):
    kept = [t.number for t in front(_trials(make_trial, points), BOTH)]
    assert kept == [
        i for i, b in enumerate(points) if not any(_plainly_dominates(a, b) for a in points)
    ]


@given(POINTS)
@settings(deadline=None, max_examples=100)
def test_plausible_agrees_with_a_plain_reading_of_the_rule(make_trial, points):
    kept = [t.number for t in plausible(_trials(make_trial, points), BOTH, AP)]
    assert kept == [
        i
        for i, b in enumerate(points)
        if not any(a[0] - b[0] > 0.005 and a[1] <= b[1] for a in points)
    ]


@given(POINTS)
@settings(deadline=None, max_examples=100)
def test_front_and_ranks_agree_with_moocore_at_tie_zero(make_trial, points):
    trials = _trials(make_trial, points)
    table = np.array(points, dtype=float).reshape(-1, 2)
    kept = moocore.is_nondominated(table, maximise=[True, False], keep_weakly=True)
    assert [t.number for t in front(trials, PLAIN)] == list(np.flatnonzero(kept))
    expected = moocore.pareto_rank(table, maximise=[True, False]) if points else []
    assert pareto_ranks(trials, PLAIN) == list(expected)


@given(POINTS)
@settings(deadline=None, max_examples=100)
def test_domination_is_transitive_and_one_way(make_trial, points):
    trials = _trials(make_trial, points[:8])
    wins = {(a.number, b.number) for a in trials for b in trials if dominates(a, b, BOTH)}
    assert not any((b, a) in wins for a, b in wins)
    assert all((a, d) in wins for a, b in wins for c, d in wins if b == c)


@given(POINTS)
@settings(deadline=None, max_examples=100)
def test_ranks_peel_the_front(make_trial, points):
    trials = _trials(make_trial, points)
    ranks = pareto_ranks(trials, BOTH)
    for rank in range(max(ranks, default=-1) + 1):
        left = [t for t, r in zip(trials, ranks, strict=True) if r >= rank]
        assert front(left, BOTH) == [t for t in trials if ranks[t.number] == rank]


@pytest.mark.parametrize(
    ("better", "worse", "expected"),
    [
        ((0.300, 10.0), (0.296, 10.0), False),  # AP within its tie width
        ((0.300, 10.0), (0.290, 10.0), True),
        ((0.300, 10.0), (0.300, 10.2), False),  # time within 3 %
        ((0.300, 10.0), (0.300, 10.4), True),
        ((0.300, 10.1), (0.200, 10.0), False),  # worse in time, however little: not dominated
        ((0.300, 10.0), (0.300, 10.0), False),
    ],
)
def test_tie_widths(make_trial, better, worse, expected):
    a, b = _trials(make_trial, [better, worse])
    assert dominates(a, b, BOTH) is expected
    assert not dominates(b, a, BOTH)


def test_only_trials_with_all_numbers_take_part(make_trial):
    good, poor = make_trial(0, ap=0.3, latency_ms=9.0), make_trial(5, ap=0.1, latency_ms=90.0)
    absent = [
        make_trial(1, state="failed"),
        make_trial(2, state="running"),
        make_trial(3, ap=0.9),
        make_trial(4, ap=0.9, latency_ms=1.0, split="test"),
    ]
    trials = [good, *absent, poor]
    assert comparable(trials, BOTH) == [good, poor]
    assert front(trials, BOTH) == [good]
    assert pareto_ranks(trials, BOTH) == [0, None, None, None, None, 1]
    assert not dominates(good, absent[0], BOTH)
    assert front(absent, BOTH) == []
    assert hypervolume(absent, BOTH, (0.0, 100.0)) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda a, b: front([a, b], BOTH),
        lambda a, b: dominates(a, b, BOTH),
        lambda a, b: pareto_ranks([a, b], BOTH),
        lambda a, b: hypervolume([a, b], BOTH, (0.0, 1.0)),
    ],
)
def test_budgets_are_not_mixed(make_trial, call):
    a = make_trial(0, ap=0.3, latency_ms=9.0, epochs=3)
    b = make_trial(1, ap=0.3, latency_ms=9.0, epochs=12)
    with pytest.raises(ComparisonError, match=r"equal budget.*got 12 epochs, 3 epochs"):
        call(a, b)


def test_a_failed_trial_of_another_budget_is_no_mixture(make_trial):
    a = make_trial(0, ap=0.3, latency_ms=9.0)
    assert front([a, make_trial(1, epochs=9, state="failed")], BOTH) == [a]


def test_errors_say_what_to_do(make_trial):
    a = make_trial(0, ap=0.3, latency_ms=0.0)
    with pytest.raises(ComparisonError, match=r"'latency_ms' compares ratios.*got 0\.0"):
        front([a], BOTH)
    with pytest.raises(ComparisonError, match="at least one objective"):
        front([a], [])
    with pytest.raises(ComparisonError, match="one reference value per objective, 2; got 1"):
        hypervolume([a], BOTH, (0.0,))


def test_hypervolume_is_the_area_in_log_time(make_trial):
    trials = _trials(make_trial, [(0.2, 10.0), (0.4, 20.0), (0.1, 15.0)])
    by_hand = 0.2 * math.log(100 / 10) + (0.4 - 0.2) * math.log(100 / 20)
    assert hypervolume(trials, BOTH, (0.0, 100.0)) == pytest.approx(by_hand, rel=1e-12)


def test_hypervolume_ignores_what_is_beyond_the_reference(make_trial):
    trials = _trials(make_trial, [(0.2, 200.0)])
    assert hypervolume(trials, BOTH, (0.0, 100.0)) == 0.0


def test_spread_is_even_in_logarithms_and_keeps_both_ends(make_trial):
    times = [64.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    trials = [make_trial(i, latency_ms=ms) for i, ms in enumerate(times)]
    assert [t.value("latency_ms") for t in spread_along(trials, MS, 3)] == [1.0, 8.0, 64.0]
    assert [t.value("latency_ms") for t in spread_along(trials, MS, 1)] == [8.0]
    assert [t.value("latency_ms") for t in spread_along(trials, MS, 99)] == sorted(times)
    assert spread_along(trials, MS, 0) == []


def test_spread_takes_trials_of_any_budget_that_hold_the_metric(make_trial):
    slow, fast = make_trial(0, latency_ms=9.0, epochs=3), make_trial(1, latency_ms=1.0, epochs=12)
    trials = [slow, fast, make_trial(2, state="failed"), make_trial(3, ap=0.5)]
    assert spread_along(trials, MS, 4) == [fast, slow]


@given(st.lists(st.floats(0.1, 1e3), max_size=12), st.integers(0, 6))
@settings(deadline=None, max_examples=100)
def test_spread_gives_that_many_different_trials(make_trial, times, count):
    trials = [make_trial(i, latency_ms=ms) for i, ms in enumerate(times)]
    chosen = spread_along(trials, MS, count)
    assert len({t.number for t in chosen}) == len(chosen) == min(count, len(times))
    values = [t.value("latency_ms") for t in chosen]
    assert values == sorted(values)
    if count > 1 and times:
        assert values[0] == min(times)
        assert values[-1] == max(times)
