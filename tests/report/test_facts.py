"""How the numbers came about, as rows."""

from collections.abc import Callable

from smnas.archive.header import RunHeader
from smnas.report.facts import (
    failed_trials,
    measuring_rows,
    part_name,
    protocol_rows,
    setting_rows,
    time_rows,
)
from smnas.trial.trial import Trial


def test_time_is_summed_per_part(finished_trials: list[Trial]) -> None:
    rows = [
        (row.name, row.trials, row.failed, row.budget, row.time)
        for row in time_rows(finished_trials)
    ]
    assert rows == [
        ("Stage 1: structures", 4, 1, "3 epochs", "1 min 3 s"),
        ("Stage 2: modules", 2, 0, "3 epochs", "40 s"),
        ("Final training", 4, 0, "12 epochs", "1 min 20 s"),
        ("Yardstick", 1, 0, "12 epochs", "20 s"),
    ]


def test_failed_trials_carry_stage_and_reason(finished_trials: list[Trial]) -> None:
    (failed,) = failed_trials(finished_trials)
    assert (failed.number, failed.part, failed.failed_at) == (2, "Stage 1: structures", "training")
    assert failed.reason == "the loss is not finite after 12 steps"


def test_each_protocol_stands_once(finished_trials: list[Trial]) -> None:
    names = [name for name, _ in measuring_rows(finished_trials)]
    assert names == [
        "AP on the test split",
        "AP on the val split",
        "Multiply-adds",
        "Parameters",
        "Time",
    ]


def test_settings_have_dotted_names() -> None:
    config = {"seed": 7, "recipe": {"batch": 4, "losses": {}}, "hours": None}
    assert setting_rows(config) == [
        ("seed", "7"),
        ("recipe.batch", "4"),
        ("recipe.losses", "{}"),
        ("hours", "none"),
    ]


def test_what_is_not_known_is_left_out(header: RunHeader) -> None:
    bare = header.model_copy(update={"machine": "", "versions": {}})
    names = [name for name, _ in protocol_rows(bare, [])]
    assert names == ["Begun", "smnas", "Seed", "Classes", "Data"]


def test_a_final_is_called_after_the_stage_that_it_comes_from(
    make_trial: Callable[..., Trial],
) -> None:
    trials = [make_trial(0, 2, 0.1), make_trial(1, "final", 0.2, parent=0)]
    trials.append(make_trial(2, "yardstick", 0.2))
    assert [part_name(t, trials) for t in trials] == ["stage 2", "final of stage 2", "yardstick"]


def test_what_broke_a_constraint_is_neither_trained_nor_failed(
    finished_trials: list[Trial], make_refused: Callable[[int], Trial]
) -> None:
    trials = [*finished_trials, make_refused(11)]
    assert failed_trials(trials) == failed_trials(finished_trials)
    first = time_rows(trials)[0]
    assert (first.trials, first.failed, first.refused) == (4, 1, 1)
    assert first.time == "1 min 4 s"
