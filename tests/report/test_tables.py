"""The rows of the front, against trials made by hand."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smnas.report.members import is_final, recommended
from smnas.report.tables import FrontRow, front_rows
from smnas.report.verdict import yardstick_row
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
