"""Every measured trial is one point of the plot, and the line is the front."""

from collections.abc import Callable
from typing import Any

from smnas.report.front_plot import hover_text, plot_front
from smnas.report.objectives import run_objectives
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


def test_the_axes_are_the_objectives_of_the_run(finished_trials: list[Trial]) -> None:
    figure = plot_front(finished_trials, run_objectives({"objectives": ["ap50", "params_m"]}))
    line = next(trace for trace in figure.data if trace.mode == "lines")
    assert [round(x, 6) for x in line.x] == [0.2, 0.4, 0.8]
    assert [round(y, 6) for y in line.y] == [40.0, 60.0, 62.0]
    assert figure.layout.xaxis.title.text == "M parameters (log scale)"
    assert figure.layout.yaxis.title.text == "AP50 x 100, validation split"


def test_a_front_of_three_objectives_is_rings_and_no_line(finished_trials: list[Trial]) -> None:
    objectives = run_objectives({"objectives": ["ap", "latency_ms", "params_m"]})
    figure = plot_front(finished_trials, objectives)
    assert [trace.mode for trace in figure.data] == ["markers"] * len(figure.data)
    rings = figure.data[0]
    assert (rings.name, rings.marker.symbol) == ("Final front", "circle-open")
    assert list(rings.x) == [2.0, 4.0, 8.0]


def test_without_a_cost_both_axes_are_accuracies(finished_trials: list[Trial]) -> None:
    figure = plot_front(finished_trials, run_objectives({"objectives": ["ap", "ap50"]}))
    assert figure.layout.xaxis.title.text == "AP50 x 100, validation split"
    assert figure.layout.annotations[0].x == 62.0
