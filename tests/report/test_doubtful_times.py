"""Times that are uncertain, or predicted, are called so wherever they are shown."""

from collections.abc import Callable
from pathlib import Path

from smnas.archive.header import RunHeader
from smnas.report.front_plot import hover_text, plot_front
from smnas.report.page import render_page
from smnas.report.tables import front_rows, remarks_on_times
from smnas.trial.measurement import PredictionProtocol
from smnas.trial.trial import Trial

MakeTrial = Callable[..., Trial]


def with_time(trial: Trial, **changes: object) -> Trial:
    """The trial with other things said of its time."""
    assert trial.outcome is not None
    measured = tuple(
        item.model_copy(update=changes) if item.metric == "latency_ms" else item
        for item in trial.outcome.measurements
    )
    outcome = trial.outcome.model_copy(update={"measurements": measured})
    return trial.model_copy(update={"outcome": outcome})


def test_an_uncertain_time_is_said_wherever_it_is_shown(
    make_trial: MakeTrial, tmp_path: Path, header: RunHeader
) -> None:
    doubtful = with_time(make_trial(1, 1, 0.1, 2.0), flag="the machine hummed")
    trials = [make_trial(0, 1, 0.2, 5.0), doubtful]
    rows = front_rows(trials, tmp_path)
    assert [row["latency_ms_flag"] for row in rows] == [None, "the machine hummed"]
    assert remarks_on_times(rows) == ["~ the time of trial 1 is uncertain: the machine hummed"]
    page = render_page(trials, header, tmp_path)
    assert "~2.00" in page
    assert "~5.00" not in page
    assert remarks_on_times(rows)[0] in page
    assert "uncertain: the machine hummed" in hover_text(trials[1])


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
    trials = [with_time(trial, protocol=protocol) for trial in trials]
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
