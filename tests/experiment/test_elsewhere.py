"""A search by the milliseconds of another device."""

import json

import pytest
from made_device import ARCHS, make_report, whole_ms, write_report
from tiny_trials import make_trial, raising

from smnas.archive.header import RunHeader
from smnas.errors import ConfigError, MissingFileError, RunMismatchError
from smnas.experiment import attempt, judging, trial_training
from smnas.experiment.config import make_config
from smnas.experiment.elsewhere import find_report, keep_report, read_times
from smnas.experiment.resume import config_difference, open_run, run_difference
from smnas.measure.blocks.device_times import DeviceTimes
from smnas.space.modular import ModularSpace
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace
from smnas.trial.constraint import Constraint

HEADER = RunHeader(smnas_version="0", created="-", config={}, data_ids={})
GN = "/norm=gn-ws"
UNKNOWN = "128x128/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina/convs=1"


@pytest.fixture
def report(tmp_path):
    return write_report(tmp_path / "edge.json")


@pytest.fixture
def times(report):
    return DeviceTimes.read(report)


def make_spaces(*inputs):
    return SpacePair.model_validate(
        {
            "name": "tiny",
            "structural": StructuralSpace(
                inputs=inputs,
                backbones=("basicblock_8_1-1-1-1",),
                necks=("fpn-p2-p3-8", "fpn-p2-p3-16"),
                heads=("none/retina/convs=1",),
            ),
            "modular": ModularSpace(
                bases=(8,), neck_widths=(8,), min_blocks=4, max_blocks=4, doublings=0
            ),
            "yardstick": ARCHS[0],
        }
    )


def test_a_trial_is_told_its_time_and_nothing_is_timed(make_evaluator, times, monkeypatch):
    monkeypatch.setattr(judging, "measure_latency", raising(AssertionError("timed")))
    monkeypatch.setattr(attempt, "Forecast", raising(AssertionError("forecast")))
    outcome = make_evaluator(clock="device", elsewhere=times)(make_trial(ARCHS[0] + GN))
    assert outcome.failure is None
    found = [item for item in outcome.measurements if item.metric.startswith("latency")]
    assert [item.metric for item in found] == ["latency_ms"]
    assert found[0].protocol.kind == "prediction"
    assert found[0].protocol.device == "a small device"
    assert found[0].value == pytest.approx(whole_ms(ARCHS[0]), rel=1e-6)
    assert {"ap", "macs_g", "params_m"} <= {item.metric for item in outcome.measurements}


def test_constraints_hold_for_what_is_predicted(make_evaluator, times, monkeypatch):
    limit = (Constraint.parse(f"latency_ms <= {whole_ms(ARCHS[0]) * 1.01:.6f}"),)
    evaluator = make_evaluator(clock="device", elsewhere=times, constraints=limit)
    assert evaluator(make_trial(ARCHS[0] + GN)).failure is None
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("trained")))
    refused = evaluator(make_trial(ARCHS[-1] + GN))
    assert refused.failure.stage == "constraint"
    assert "expected latency_ms <= " in refused.failure.reason
    assert "latency_ms" in {item.metric for item in refused.measurements}


def test_what_no_time_can_be_told_of_is_not_trained(make_evaluator, times, monkeypatch):
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("trained")))
    evaluator = make_evaluator(clock="device", elsewhere=times)
    candidate = evaluator(make_trial(UNKNOWN + GN))
    assert candidate.failure.stage == "constraint"
    assert "no time on a small device" in candidate.failure.reason
    assert {item.metric for item in candidate.measurements} == {"macs_g", "params_m"}
    yardstick = evaluator(make_trial(UNKNOWN, stage="yardstick", epochs=2))
    assert yardstick.failure.stage == "build"
    assert "no time on a small device" in yardstick.failure.reason


def test_a_report_is_tried_on_the_space(report):
    times, told = read_times(report, make_spaces("32x32", "64x64"), 1, seed=0, ships="bn")
    assert times == DeviceTimes.read(report)
    assert "Times are predicted for a small device (onnxruntime, 2 threads), not measured" in told
    assert "Of 100 structures drawn 100 have all their blocks timed." in told
    _, half = read_times(report, make_spaces("32x32", "128x128"), 1, seed=0, ships="bn")
    assert "cannot be told and are not trained" in half
    with pytest.raises(ConfigError, match="no detector of the space can be told: no time on"):
        read_times(report, make_spaces("128x128"), 1, seed=0, ships="bn")
    with pytest.raises(ConfigError, match="of 3 classes, as the data have; got those of 1"):
        read_times(report, make_spaces("32x32"), 3, seed=0, ships="bn")


def test_a_busy_device_is_said(tmp_path):
    report = write_report(tmp_path / "busy.json", flag="the cat sat on it")
    _, told = read_times(report, make_spaces("32x32"), 1, seed=0, ships="bn")
    assert "Take care: 12 of 12 detectors" in told


def test_a_run_keeps_its_report(report, tmp_path):
    run = tmp_path / "run"
    assert find_report(None, run) is None
    assert find_report(report, run) == report
    open_run(run, HEADER).close()
    assert find_report(report, run) == report  # killed before it was copied
    keep_report(report, run)
    kept = run / "device-report.json"
    assert kept.read_bytes() == report.read_bytes()
    assert find_report(report, run) == kept
    moved = report.rename(tmp_path / "moved.json")
    assert find_report(report, run) == kept
    assert find_report(moved, run) == kept
    moved.write_text(json.dumps(make_report(flag="another")))
    with pytest.raises(RunMismatchError, match=r"by another device report than .*moved\.json"):
        find_report(moved, run)


def test_the_content_of_a_report_counts_and_not_its_path_nor_the_machine():
    by_report = {"clock": "device", "latency_from": "edge.json"}
    assert config_difference(by_report, {**by_report, "latency_from": "/else/edge.json"}) == []
    assert config_difference(by_report, {**by_report, "latency_from": None})
    one, other = (
        HEADER.model_copy(update={"config": by_report, "machine": name}) for name in ("a", "b")
    )
    assert run_difference(one, other) == []
    here = {"clock": "device", "latency_from": None}
    assert run_difference(*(h.model_copy(update={"config": here}) for h in (one, other)))


def test_a_search_has_one_clock(report, tmp_path):
    assert make_config("trees", latency_from=report).latency_from == report
    stand_in = tmp_path / "settings.json"
    stand_in.write_text(json.dumps({"clock": "stand-in"}))
    with pytest.raises(ConfigError, match="latency_from: expected no other clock"):
        make_config("trees", stand_in, latency_from=report)


def test_no_report_is_said_before_anything_runs(tmp_path):
    with pytest.raises(MissingFileError, match="no such device report"):
        read_times(tmp_path / "none.json", make_spaces("32x32"), 1, seed=0, ships="bn")
