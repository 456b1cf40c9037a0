"""Every measured trial is one point of the plot, and the line is the front."""

from collections.abc import Callable
from typing import Any

from smnas.report.front_plot import hover_text, plot_front
from smnas.trial.trial import Trial


def points(trials: list[Trial]) -> dict[int, Any]:
    traces = [trace for trace in plot_front(trials).data if trace.mode == "markers"]
    found = [number for trace in traces for number in trace.customdata]
    assert len(found) == len(set(found))
    return dict.fromkeys(found)


def test_every_measured_trial_is_one_point(finished_trials: list[Trial]) -> None:
    assert sorted(points(finished_trials)) == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10]


def test_candidates_finals_and_yardstick_differ_in_shape_or_fill(
    finished_trials: list[Trial],
) -> None:
    traces = [trace for trace in plot_front(finished_trials).data if trace.mode == "markers"]
    assert {trace.name: list(trace.customdata) for trace in traces} == {
        "Stage 1, candidates": [0, 1, 3],
        "Stage 2, candidates": [4, 5],
        "Stage 1, final training": [6, 9],
        "Stage 2, final training": [7, 8],
        "Yardstick, final training": [10],
    }
    symbols = [trace.marker.symbol for trace in traces]
    assert len(symbols) == len(set(symbols))


def test_line_is_the_front_in_the_order_of_time(finished_trials: list[Trial]) -> None:
    line = next(trace for trace in plot_front(finished_trials).data if trace.mode == "lines")
    assert list(line.x) == [2.0, 4.0, 8.0]
    assert list(line.y) == [20.0, 30.0, 31.0]
    assert line.name == "Final front"


def test_intervals_stand_on_both_axes(make_trial: Callable[..., Trial]) -> None:
    trace = plot_front([make_trial(0, 1, 0.2, 10.0)]).data[1]
    assert [round(end, 6) for end in trace.error_y.array] == [5.0]
    assert [round(end, 6) for end in trace.error_y.arrayminus] == [5.0]
    assert [round(end, 6) for end in trace.error_x.array] == [0.3]


def test_hover_says_what_a_point_is(make_trial: Callable[..., Trial]) -> None:
    trial = make_trial(3, 2, 0.2, 10.0)
    text = hover_text(trial)
    assert str(trial.proposal.arch) in text.replace("<br>", "")
    for part in (
        trial.proposal.arch.arch_id,
        "AP 20.0 (15.0-25.0)",
        "10.0 (9.70-10.3) ms",
        "0.500 G multiply-adds",
        "3 epochs",
    ):
        assert part in text


def test_a_run_without_numbers_has_an_empty_plot(make_trial: Callable[..., Trial]) -> None:
    assert points([make_trial(0, 1, None)]) == {}
