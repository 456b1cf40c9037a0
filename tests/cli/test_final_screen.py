"""The last screen."""

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from smnas.archive.archive import Archive
from smnas.cli.final_screen import show_summary
from smnas.cli.front_table import front_table
from smnas.cli.live import _recorded_line
from smnas.experiment.observer import RunSummary
from smnas.report.tables import front_rows
from smnas.trial.measurement import PredictionProtocol
from smnas.trial.trial import Trial


def screen(folder: Path, trials: list[Trial]) -> str:
    out = io.StringIO()
    rows = tuple(front_rows(trials, folder))
    summary = RunSummary(folder, rows, 5, 1, 412.0, 412.0, folder / "report.html")
    show_summary(Console(file=out, width=100), summary)
    return out.getvalue()


def test_recommended_beside_yardstick_verdict_report_and_next_steps(run_folder: Path) -> None:
    archive = Archive.open(run_folder)
    text = screen(run_folder, list(archive.trials()))
    archive.close()
    words = " ".join(text.split())
    assert "AP50 on the test split 60.0 (58.0-62.0) 40.0 (38.0-42.0)" in words
    assert "milliseconds per picture 4.00 (3.60-4.40) 6.00 (5.40-6.60)" in words
    assert "MB" in words
    assert "The search paid on this data." in words
    assert str(run_folder / "report.html") in text.replace("\n", "")
    assert "smnas predict" in text
    assert "smnas search my/annotations.json" in text
    assert len(text.splitlines()) <= 40  # one screen


def test_a_search_that_found_nothing_says_so(
    make_trial: Callable[..., Trial], tmp_path: Path
) -> None:
    assert "nothing can be recommended" in screen(tmp_path, [make_trial(0, 1, None)])


def test_a_front_without_a_yardstick_has_no_verdict(
    make_trial: Callable[..., Trial], tmp_path: Path
) -> None:
    text = screen(tmp_path, [make_trial(0, 1, 0.2)])
    assert "recommended" in text
    assert "paid" not in text


def test_what_broke_a_constraint_is_counted_apart(tmp_path: Path) -> None:
    out = io.StringIO()
    summary = RunSummary(tmp_path, (), 5, 1, 9.0, 9.0, tmp_path / "report.html", refused=3)
    show_summary(Console(file=out, width=100), summary)
    assert "5 candidates trained, 1 failed, 3 kept from it by a constraint." in out.getvalue()


def test_times_of_another_device_are_called_predicted(
    make_trial: Callable[..., Trial], tmp_path: Path
) -> None:
    trials = [make_trial(0, "final", 0.3, 4.0), make_trial(1, "yardstick", 0.2, 6.0)]
    measured = screen(tmp_path, trials)
    assert "milliseconds per picture" in measured
    assert "smnas retarget" not in measured
    trials = [predicted(trial) for trial in trials]
    words = " ".join(screen(tmp_path, trials).replace("\u2502", "").split())
    assert "milliseconds, predicted 4.00" in words
    assert "ms: predicted for a small device (onnxruntime, float32, 2 threads)" in words
    assert "both as predicted for a small device" in words
    assert "smnas retarget" in words
    table = io.StringIO()
    Console(file=table, width=80).print(front_table(front_rows(trials, tmp_path)))
    assert "ms pred." in table.getvalue()
    assert "predicted for a small device" in " ".join(table.getvalue().split())
    assert "4.00 ms predicted; " in _recorded_line(trials[0])


def predicted(trial: Trial) -> Trial:
    """The trial with its time as predicted for another device."""
    assert trial.outcome is not None
    protocol = PredictionProtocol(
        runtime="onnxruntime", precision="float32", device="a small device", batch=1, threads=2,
        versions={}, detectors=12, error=0.04, report="a" * 64,
    )  # fmt: skip
    numbers = tuple(
        item.model_copy(update={"protocol": protocol}) if item.metric == "latency_ms" else item
        for item in trial.outcome.measurements
    )
    outcome = trial.outcome.model_copy(update={"measurements": numbers})
    return trial.model_copy(update={"outcome": outcome})
