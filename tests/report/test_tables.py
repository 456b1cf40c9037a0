"""The rows of the front, against trials made by hand."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smnas.archive.header import RunHeader
from smnas.report.comparison import comparison_strips
from smnas.report.front_plot import hover_text, plot_front
from smnas.report.objectives import recommended_rule, run_objectives
from smnas.report.page import render_page
from smnas.report.tables import FrontRow, front_rows, is_final, recommended, remarks_on_times
from smnas.report.verdict import judge, yardstick_row
from smnas.trial.measurement import PredictionProtocol
from smnas.trial.metrics import make_objective
from smnas.trial.trial import Trial

MakeTrial = Callable[..., Trial]


def numbers(rows: list[FrontRow]) -> list[int]:
    return [row["trial"] for row in rows]


def test_final_front_best_ap_first_with_the_yardstick_in_its_place(
    finished_trials: list[Trial], tmp_path: Path
) -> None:
    rows = front_rows(finished_trials, tmp_path)
    assert numbers(rows) == [8, 7, 10, 6]  # trial 9 is dominated; 10 is the yardstick
    assert [row["stage"] for row in rows] == [2, 2, "yardstick", 1]
    assert all(row["final"] for row in rows)


def test_exactly_one_is_recommended_the_fastest_with_95_percent_of_the_best(
    finished_trials: list[Trial], tmp_path: Path
) -> None:
    rows = front_rows(finished_trials, tmp_path)
    # 0.300 is at least 0.95 * 0.310 and takes half the time; 0.200 is not.
    assert [row["trial"] for row in rows if row["recommended"]] == [7]


def test_all_yardsticks_are_listed_and_the_verdict_is_on_the_most_accurate(
    make_trial: MakeTrial, tmp_path: Path
) -> None:
    trials = [
        make_trial(0, "yardstick", 0.2, 5.0),
        make_trial(1, "final", 0.5, 4.0),
        make_trial(2, "yardstick", 0.1, 2.0),
    ]
    rows = front_rows(trials, tmp_path)
    assert numbers(rows) == [1, 0, 2]
    found = yardstick_row(rows)
    assert found is not None
    assert found["trial"] == 0


def test_the_final_is_not_over_while_a_yardstick_runs(make_trial: MakeTrial) -> None:
    trials = [
        make_trial(0, "yardstick", 0.2, 5.0),
        make_trial(1, "final", 0.5, 4.0),
        make_trial(2, "yardstick", 0.1, 2.0),
    ]
    assert is_final(trials)
    running = trials[0].model_copy(update={"outcome": None})
    assert not is_final([running, *trials[1:]])


def test_yardstick_is_never_recommended(make_trial: MakeTrial, tmp_path: Path) -> None:
    trials = [make_trial(0, "final", 0.2, 5.0), make_trial(1, "yardstick", 0.5, 1.0)]
    rows = front_rows(trials, tmp_path)
    assert numbers(rows) == [1, 0]
    assert [row["recommended"] for row in rows] == [False, True]


def test_row_holds_values_with_intervals(finished_trials: list[Trial], tmp_path: Path) -> None:
    row = front_rows(finished_trials, tmp_path)[0]
    assert row["ap"] == 0.310
    assert row["ap_interval"] == [pytest.approx(0.26), pytest.approx(0.36)]
    assert row["ap50"] == pytest.approx(0.62)
    assert row["ap_test"] == pytest.approx(0.279)
    assert row["ap50_test_interval"] == [pytest.approx(0.508), pytest.approx(0.608)]
    assert row["latency_ms"] == 8.0
    assert row["latency_ms_interval"] == [pytest.approx(7.76), pytest.approx(8.24)]
    assert row["macs_g"] == pytest.approx(0.4)
    assert row["params_m"] == pytest.approx(0.8)
    assert row["budget"] == {"epochs": 12}
    assert row["arch_id"] == finished_trials[8].proposal.arch.arch_id


def flagged(trial: Trial, why: str) -> Trial:
    """The trial with a time that is not to be trusted."""
    assert trial.outcome is not None
    measured = tuple(
        item.model_copy(update={"flag": why}) if item.metric == "latency_ms" else item
        for item in trial.outcome.measurements
    )
    outcome = trial.outcome.model_copy(update={"measurements": measured})
    return trial.model_copy(update={"outcome": outcome})


def test_an_uncertain_time_is_said_wherever_it_is_shown(
    make_trial: MakeTrial, tmp_path: Path, header: RunHeader
) -> None:
    trials = [make_trial(0, 1, 0.2, 5.0), flagged(make_trial(1, 1, 0.1, 2.0), "the machine hummed")]
    rows = front_rows(trials, tmp_path)
    assert [row["latency_ms_flag"] for row in rows] == [None, "the machine hummed"]
    assert remarks_on_times(rows) == ["~ the time of trial 1 is uncertain: the machine hummed"]
    page = render_page(trials, header, tmp_path)
    assert "~2.00" in page
    assert "~5.00" not in page
    assert remarks_on_times(rows)[0] in page
    assert "uncertain: the machine hummed" in hover_text(trials[1])


def test_what_is_missing_is_null_in_json(make_trial: MakeTrial, tmp_path: Path) -> None:
    rows = front_rows([make_trial(0, 1, 0.1, 2.0)], tmp_path)
    row = json.loads(json.dumps(rows, allow_nan=False))[0]
    assert row["ap_test"] is None
    assert row["ap50_test_interval"] is None
    assert row["weights"] is None  # no such file


def test_weights_are_a_path_that_exists(
    make_trial: MakeTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run" / "trials" / "0000" / "weights.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    row = front_rows([make_trial(0, 1, 0.1, 2.0)], "run")[0]
    assert row["weights"] == str(file)


def test_before_the_final_it_is_the_best_so_far(make_trial: MakeTrial, tmp_path: Path) -> None:
    trials = [
        make_trial(0, 1, 0.10, 2.0),
        make_trial(1, 1, 0.20, 5.0),
        make_trial(2, 1, 0.15, 6.0),  # dominated by 1
        make_trial(3, 1, None),
        make_trial(4, "yardstick", 0.12, 4.0, epochs=3),
    ]
    rows = front_rows(trials, tmp_path)
    assert numbers(rows) == [1, 4, 0]
    assert not any(row["final"] for row in rows)
    assert sum(row["recommended"] for row in rows) == 1


def test_only_equal_budgets_are_compared(make_trial: MakeTrial, tmp_path: Path) -> None:
    short = make_trial(0, 1, 0.10, 5.0, epochs=3)
    long = make_trial(1, 2, 0.20, 4.0, epochs=6)  # would dominate it
    assert numbers(front_rows([short, long], tmp_path)) == [1, 0]


def test_the_final_is_over_when_no_final_and_no_yardstick_is_running(
    finished_trials: list[Trial], make_trial: MakeTrial
) -> None:
    assert is_final(finished_trials)
    assert not is_final(finished_trials[:6])
    assert not is_final([*finished_trials, make_trial(11, "final", running=True)])
    assert not is_final([*finished_trials[:10], make_trial(10, "yardstick", running=True)])


def test_failed_finals_do_not_hide_the_candidates(make_trial: MakeTrial, tmp_path: Path) -> None:
    trials = [make_trial(0, 1, 0.1, 2.0), make_trial(1, "final", None, parent=0)]
    rows = front_rows(trials, tmp_path)
    assert numbers(rows) == [0]
    assert not rows[0]["final"]


def test_yardstick_beside_the_front_is_the_one_of_equal_training(
    finished_trials: list[Trial], make_trial: MakeTrial, tmp_path: Path
) -> None:
    short = make_trial(11, "yardstick", 0.15, 6.0, epochs=3)
    trials = [*finished_trials, short]
    beside = [r["trial"] for r in front_rows(trials, tmp_path) if r["stage"] == "yardstick"]
    assert beside == [10]
    candidates = [*finished_trials[:6], short]
    beside = [r["trial"] for r in front_rows(candidates, tmp_path) if r["stage"] == "yardstick"]
    assert beside == [11]


def test_it_is_final_only_when_the_yardstick_stands_beside_the_finals(
    make_trial: MakeTrial, tmp_path: Path
) -> None:
    trials = [make_trial(0, 1, 0.1, 2.0), make_trial(1, "final", 0.2, 2.0, parent=0)]
    assert [row["final"] for row in front_rows(trials, tmp_path)] == [False]
    trials.append(make_trial(2, "yardstick", 0.1, 9.0))
    assert all(row["final"] for row in front_rows(trials, tmp_path))


def test_nothing_measured_gives_no_rows(make_trial: MakeTrial, tmp_path: Path) -> None:
    assert front_rows([], tmp_path) == []
    assert front_rows([make_trial(0, 1, None), make_trial(1, 1, running=True)], tmp_path) == []


@settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # make_trial is a pure function
)
@given(
    st.lists(
        st.tuples(st.floats(0.05, 0.9), st.floats(0.5, 50.0), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_recommended_keeps_its_promise(
    make_trial: MakeTrial, made: list[tuple[float, float, bool]]
) -> None:
    trials = [
        make_trial(number, "final" if final else 1, ap, ms)
        for number, (ap, ms, final) in enumerate(made)
    ]
    trials.append(make_trial(len(made), "yardstick", 0.01, 100.0))
    rows = front_rows(trials, ".")
    chosen = [row for row in rows if row["recommended"]]
    assert len(chosen) == 1
    best = max(row["ap"] for row in rows)
    assert chosen[0]["ap"] >= 0.95 * best
    able = [row for row in rows if row["ap"] >= 0.95 * best]
    assert chosen[0]["latency_ms"] == min(row["latency_ms"] for row in able)
    assert [row["ap"] for row in rows] == sorted((row["ap"] for row in rows), reverse=True)


def test_nothing_to_recommend() -> None:
    assert recommended([]) is None


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


def test_a_predicted_time_is_called_so_wherever_it_is_shown(
    make_trial: MakeTrial, tmp_path: Path, header: RunHeader
) -> None:
    protocol = PredictionProtocol(
        runtime="onnxruntime", precision="float32", device="a small device", batch=1, threads=2,
        versions={}, detectors=12, error=0.04, report="a" * 64,
    )  # fmt: skip
    trials = [make_trial(0, 1, 0.2, 5.0), make_trial(1, 1, 0.1, 2.0)]
    measured = front_rows(trials, tmp_path)
    assert {row["latency_ms_predicted_for"] for row in measured} == {None}
    assert remarks_on_times(measured) == []
    assert "predicted" not in hover_text(trials[0])
    assert "predicted" not in str(plot_front(trials).layout.xaxis.title.text)
    trials = [predicted(trial, protocol) for trial in trials]
    rows = front_rows(trials, tmp_path)
    device = "a small device (onnxruntime, float32, 2 threads)"
    assert {row["latency_ms_predicted_for"] for row in rows} == {device}
    told = f"ms: predicted for {device}, from blocks timed there; not measured"
    assert remarks_on_times(rows) == [told]
    page = render_page(trials, header, tmp_path)
    for words in (told, "<th>ms, predicted</th>", "Time per picture, ms, predicted"):
        assert words in page
    assert "<th>ms</th>" not in page
    assert "ms, predicted" in hover_text(trials[0])
    assert "predicted for another device" in str(plot_front(trials).layout.xaxis.title.text)
    assert "4.0 %; nobody timed it" in page


def predicted(trial: Trial, protocol: PredictionProtocol) -> Trial:
    """The trial with its time as predicted for another device."""
    assert trial.outcome is not None
    numbers = tuple(
        item.model_copy(update={"protocol": protocol}) if item.metric == "latency_ms" else item
        for item in trial.outcome.measurements
    )
    outcome = trial.outcome.model_copy(update={"measurements": numbers})
    return trial.model_copy(update={"outcome": outcome})
