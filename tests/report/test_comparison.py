"""Recommended and yardstick on one scale."""

from collections.abc import Callable
from pathlib import Path

from smnas.report.comparison import comparison_strips
from smnas.report.tables import front_rows
from smnas.trial.trial import Trial


def test_marks_lie_inside_and_in_order(finished_trials: list[Trial]) -> None:
    accuracy, time = comparison_strips(front_rows(finished_trials, Path()))
    for strip in (accuracy, time):
        for mark in strip.marks:
            assert 0 < mark.low <= mark.at <= mark.high < 100
    assert accuracy.title == "AP50 x 100, test split"
    ours, theirs = accuracy.marks
    assert ours.at > theirs.at  # 54.0 against 50.4
    ours, theirs = time.marks
    assert ours.at < theirs.at  # 4 ms against 6 ms


def test_without_a_yardstick_there_is_one_mark(make_trial: Callable[..., Trial]) -> None:
    strips = comparison_strips(front_rows([make_trial(0, 1, 0.1, 2.0)], Path()))
    assert [[mark.who for mark in strip.marks] for strip in strips] == [["recommended"]] * 2


def test_nothing_to_compare() -> None:
    assert comparison_strips([]) == []
