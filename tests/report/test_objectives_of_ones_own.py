"""Runs with objectives and metrics of their own: front, recommendation and words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from smnas.report.comparison import comparison_strips
from smnas.report.objectives import recommended_rule, run_objectives
from smnas.report.tables import FrontRow, front_rows
from smnas.report.verdict import judge
from smnas.trial.metrics import make_objective
from smnas.trial.trial import Trial

MakeTrial = Callable[..., Trial]


def numbers(rows: list[FrontRow]) -> list[int]:
    return [row["trial"] for row in rows]


def test_a_run_with_objectives_of_its_own_has_its_own_front(make_trial: MakeTrial) -> None:
    """Parameters are a tenth of the time in these trials, but for one that is slow and small."""
    trials = [
        make_trial(0, 1, 0.10, 2.0),
        make_trial(1, 1, 0.20, 8.0),
        _with(make_trial(2, 1, 0.20, 9.0), "params_m", 0.3),
    ]
    assert numbers(front_rows(trials, "run")) == [1, 0]
    objectives = run_objectives({"objectives": ["ap50", "params_m"]})
    rows = front_rows(trials, "run", objectives)
    assert numbers(rows) == [2, 0]
    assert rows[0]["objectives"] == {"ap50": 0.4, "params_m": 0.3}
    assert [row["trial"] for row in rows if row["recommended"]] == [2]
    three = run_objectives({"objectives": ["ap", "latency_ms", "params_m"]})
    assert numbers(front_rows(trials, "run", three)) == [1, 2, 0]


def _with(trial: Trial, metric: str, value: float) -> Trial:
    assert trial.outcome is not None
    changed = tuple(
        item.model_copy(update={"value": value}) if item.metric == metric else item
        for item in trial.outcome.measurements
    )
    outcome = trial.outcome.model_copy(update={"measurements": changed})
    return trial.model_copy(update={"outcome": outcome})


def test_of_two_accuracies_the_second_decides_among_the_best(make_trial: MakeTrial) -> None:
    trials = [
        _with(make_trial(0, 1, 0.30, 2.0), "ap50", 0.50),
        _with(make_trial(1, 1, 0.29, 2.0), "ap50", 0.70),
        _with(make_trial(2, 1, 0.10, 2.0), "ap50", 0.90),
    ]
    objectives = run_objectives({"objectives": ["ap", "ap50"]})
    rows = front_rows(trials, "run", objectives)
    assert numbers(rows) == [0, 1, 2]
    assert [row["trial"] for row in rows if row["recommended"]] == [1]


@pytest.mark.parametrize(
    ("objectives", "rule"),
    [
        (("ap", "latency_ms"), "the fastest with at least 95 % of the best AP"),
        (("params_m", "ap50"), "the smallest with at least 95 % of the best AP50"),
        (("ap", "ap75"), "the best in AP75 with at least 95 % of the best AP"),
    ],
)
def test_the_rule_is_said_in_words(objectives: tuple[str, ...], rule: str) -> None:
    assert recommended_rule(objectives) == rule


def test_runs_that_say_nothing_have_ap_and_time_for_objectives() -> None:
    assert [o.metric for o in run_objectives({})] == ["ap", "latency_ms"]


def test_a_metric_of_ones_own_is_judged_recommended_and_shown(make_trial, make_accuracy):
    def measured(trial, recall):
        own = make_accuracy("recall@fppi=0.1", recall)
        outcome = trial.outcome.model_copy(
            update={"measurements": (*trial.outcome.measurements, own)}
        )
        return trial.model_copy(update={"outcome": outcome})

    trials = [
        measured(make_trial(0, "final", 0.30, 4.0, test=False), 0.5),
        measured(make_trial(1, "final", 0.20, 5.0, test=False), 0.8),
        measured(make_trial(2, "yardstick", 0.35, 9.0, test=False), 0.4),
    ]
    objectives = [make_objective(name) for name in ("recall@fppi=0.1", "latency_ms")]
    rows = front_rows(trials, Path(), objectives)
    assert [row["trial"] for row in rows] == [1, 0, 2]
    assert [row["recommended"] for row in rows] == [True, False, False]
    assert rows[0]["accuracy_metric"] == "recall@fppi=0.1"
    assert rows[0]["accuracy"] == 0.8
    assert rows[0]["accuracy_interval"] == pytest.approx([0.75, 0.85])
    verdict = judge(rows)
    assert (verdict.trial, verdict.accuracy) == (1, "better")
    assert "Its recall at 0.1 false alarms a picture on the validation split is 80.0" in (
        verdict.sentence
    )
    (strip, _) = comparison_strips(rows)
    assert strip.title == "recall at 0.1 false alarms a picture x 100, validation split"


def test_rows_are_judged_by_ap50_where_the_run_wants_ap(make_trial):
    row, _ = front_rows([make_trial(0, "final", 0.3), make_trial(1, "yardstick", 0.2)], Path())
    assert (row["accuracy_metric"], row["accuracy"]) == ("ap50", row["ap50"])
    assert row["accuracy_test_interval"] == row["ap50_test_interval"]
