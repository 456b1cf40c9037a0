"""How the hypervolume grew."""

from collections.abc import Callable
from math import log

import pytest

from smnas.report.growth_plot import hypervolume_series, plot_hypervolume
from smnas.report.objectives import run_objectives
from smnas.trial.trial import Trial


def test_hypervolume_of_two_points_by_hand(make_trial: Callable[..., Trial]) -> None:
    trials = [make_trial(0, 1, 0.1, 2.0), make_trial(1, 1, 0.3, 4.0), make_trial(2, 1, 0.2, 8.0)]
    numbers, volumes = hypervolume_series(trials)["trained for 3 epochs"]
    first = 0.1 * log(8 / 2)
    both = first + (0.3 - 0.1) * log(8 / 4)
    assert numbers == [0, 1, 2]
    assert volumes == pytest.approx([first, both, both])


def test_yardstick_finals_and_failures_play_no_part(finished_trials: list[Trial]) -> None:
    numbers, volumes = hypervolume_series(finished_trials)["trained for 3 epochs"]
    assert numbers == [0, 1, 3, 4, 5]
    assert volumes == sorted(volumes)


def test_budgets_are_kept_apart(make_trial: Callable[..., Trial]) -> None:
    trials = [make_trial(0, 1, 0.1, 2.0), make_trial(1, 2, 0.3, 4.0, epochs=6)]
    assert list(hypervolume_series(trials)) == ["trained for 3 epochs", "trained for 6 epochs"]
    assert len(plot_hypervolume(trials).data) == 2


def test_nothing_measured(make_trial: Callable[..., Trial]) -> None:
    assert hypervolume_series([make_trial(0, 1, None)]) == {}


def test_hypervolume_of_three_objectives_by_hand(make_trial: Callable[..., Trial]) -> None:
    trials = [make_trial(0, 1, 0.1, 2.0), make_trial(1, 1, 0.3, 8.0)]
    objectives = run_objectives({"objectives": ["ap", "latency_ms", "params_m"]})
    _, volumes = hypervolume_series(trials, objectives)["trained for 3 epochs"]
    # The reference is the second trial in both costs, so it adds nothing.
    assert volumes == pytest.approx([0.1 * log(4) * log(4)] * 2)
