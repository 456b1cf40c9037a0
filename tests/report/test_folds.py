"""A run whose finals were judged on folds says so wherever their accuracy stands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from smnas.archive.header import RunHeader
from smnas.cli.front_table import front_table
from smnas.report.comparison import comparison_strips
from smnas.report.facts import measuring_rows
from smnas.report.front_plot import plot_front
from smnas.report.page import render_page
from smnas.report.tables import front_rows, judged_on
from smnas.report.verdict import judge
from smnas.trial.measurement import AccuracyProtocol, Measurement
from smnas.trial.trial import Trial

FOLDS = "5 folds of train and val"


def on_folds(trial: Trial) -> Trial:
    """The same trial, its accuracies pooled over five folds."""
    assert trial.outcome is not None

    def pooled(item: Measurement) -> Measurement:
        if not isinstance(item.protocol, AccuracyProtocol):
            return item
        protocol = item.protocol.model_copy(update={"folds": 5, "pictures": 60})
        return item.model_copy(update={"protocol": protocol})

    measured = tuple(map(pooled, trial.outcome.measurements))
    outcome = trial.outcome.model_copy(update={"measurements": measured})
    return trial.model_copy(update={"outcome": outcome})


@pytest.fixture
def trials(make_trial: Callable[..., Trial]) -> list[Trial]:
    """A candidate that is judged on val, and a final and yardstick that are judged on folds."""
    return [
        make_trial(0, 1, 0.10, 2.0),
        on_folds(make_trial(1, "final", 0.30, 4.0, parent=0, test=False)),
        on_folds(make_trial(2, "yardstick", 0.20, 8.0, test=False)),
    ]


def test_the_front_and_the_verdict_say_so(trials: list[Trial]) -> None:
    rows = front_rows(trials, Path())
    assert [(row["folds"], judged_on(row)) for row in rows] == [(5, FOLDS)] * 2
    verdict = judge(rows)
    assert verdict is not None
    assert f"Its AP50 on the {FOLDS} is " in verdict.sentence
    assert comparison_strips(rows)[0].title == f"AP50 x 100, {FOLDS}"
    assert any(FOLDS in str(part) for part in front_table(rows).renderables)


def test_the_report_says_so(trials: list[Trial], header: RunHeader, tmp_path: Path) -> None:
    page = " ".join(render_page(trials, header, tmp_path).split())
    assert "Finals and yardsticks were trained 5 times, each time without" in page
    axis = str(plot_front(trials)["layout"]["yaxis"]["title"])
    assert f"filled: {FOLDS}" in axis
    found = dict(measuring_rows(trials))
    assert found["AP on 5 folds"].startswith("60 pictures of train and val in 5 folds, each ")
    assert found["AP on the val split"].startswith("12 pictures; torch-eager")


def test_a_run_without_folds_does_not(make_trial: Callable[..., Trial], header: RunHeader) -> None:
    trials = [make_trial(0, "final", 0.3, 4.0), make_trial(1, "yardstick", 0.2, 8.0)]
    rows = front_rows(trials, Path())
    assert [judged_on(row) for row in rows] == ["validation split"] * 2
    assert "folds" not in render_page(trials, header, Path())
    assert not any("folds" in str(part) for part in front_table(rows).renderables)
    protocol = trials[0].outcome and trials[0].outcome.measurements[0].protocol
    assert protocol is not None
    assert "folds" not in protocol.model_dump_json()  # ids of protocols stay what they were
