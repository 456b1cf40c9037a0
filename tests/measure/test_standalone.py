"""The stand-alone timing of ONNX files: what a machine in trouble does to it, and what it says."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from smnas.measure import standalone
from smnas.measure.standalone import (
    REFERENCE,
    Effort,
    Run,
    Spread,
    Task,
    TimingError,
    measure,
    predict_interval,
)

BRIEF = Effort(seconds=0.02, max_warmup=3)


def run_of(median_ms: float, reference_ms: float = 2.0, busy: float = 0.0, waiting: float = 0.0):
    return Run([[median_ms] * 5], [reference_ms] * 5, 10.0, busy, waiting, {})


def measure_fake(monkeypatch, runs: Sequence[Run], **known):
    """Measure with processes that find what ``runs`` say, one after the other."""
    left = iter(runs)
    monkeypatch.setattr(standalone, "start_process", lambda task: next(left))
    (found,), used = measure(Task(["detector.onnx"]), **known)
    return found, len(used)


def test_three_quiet_processes_are_enough(monkeypatch):
    found, used = measure_fake(monkeypatch, [run_of(10.0), run_of(10.05), run_of(10.1)])
    assert (used, found.flag) == (3, None)
    assert found.median_ms == 10.05
    low, high = found.interval_ms
    assert 9.5 < low < 10.05 < high < 10.6


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"busy": 0.5}, "other programs kept 50%"),
        ({"waiting": 0.2}, "wait for a core 20%"),
        ({"reference_ms": 3.0}, "reference network took 50% longer"),
    ],
)
def test_a_disturbed_process_is_replaced_and_two_are_said(monkeypatch, trouble, words):
    quiet, disturbed = run_of(10.0), run_of(13.0, **trouble)
    known = {"usual_reference_ms": 2.0}
    found, used = measure_fake(monkeypatch, [quiet, disturbed, quiet, quiet], **known)
    assert (used, found.flag, found.medians_ms) == (4, None, [10.0] * 3)
    mostly = [disturbed, quiet, disturbed, disturbed, quiet]
    found, used = measure_fake(monkeypatch, mostly, **known)
    assert used == 5
    assert found.flag is not None
    assert words in found.flag


def test_times_are_those_at_the_usual_pace(monkeypatch):
    drifting = [run_of(10.0 * pace, reference_ms=2.0 * pace) for pace in (1.0, 1.2, 0.9)]
    found, used = measure_fake(monkeypatch, drifting)
    assert (used, found.flag) == (3, None)
    assert found.medians_ms == pytest.approx([10.0] * 3)
    found, _ = measure_fake(monkeypatch, drifting, usual_reference_ms=2.2)
    assert found.median_ms == pytest.approx(11.0)
    assert found.p95_ms == pytest.approx(11.0)


def test_a_repeat_is_set_off_against_the_pace_beside_it():
    run = Run([[10.0, 20.0, 10.0]], [2.0, 4.0, 2.0], 0.0, 0.0, 0.0, {})
    assert run.times_at(3.0, 0) == [15.0] * 3


def test_a_machine_that_throttles_all_the_time_is_told_by_its_history(monkeypatch):
    slow = [run_of(13.0, reference_ms=3.0)] * 5
    found, used = measure_fake(monkeypatch, slow)
    assert (used, found.flag) == (3, None)
    found, used = measure_fake(monkeypatch, slow, usual_reference_ms=2.0)
    assert used == 5
    assert found.flag is not None


def test_processes_that_differ_are_followed_by_more_and_then_said_to(monkeypatch):
    found, used = measure_fake(monkeypatch, [run_of(ms) for ms in (10.0, 10.25, 10.2, 10.15)])
    assert (used, found.flag) == (4, None)
    found, used = measure_fake(monkeypatch, [run_of(ms) for ms in (10.0, 13.0, 11.0, 12.0, 9.0)])
    assert used == 5
    assert found.flag is not None
    assert "another process may differ by" in found.flag


@pytest.mark.parametrize(
    ("number", "known"), [(3, (0.0, 0)), (4, (0.0, 0)), (2, (4e-4, 30)), (1, (4e-4, 30))]
)
@pytest.mark.parametrize("moments", [0.0, 0.02])
def test_a_process_at_another_moment_falls_into_the_interval(number, known, moments):
    """At 95 %, for a spread of 2 % between processes, known beforehand or not."""
    rng = np.random.default_rng(number)
    logs = 0.02 * rng.standard_normal((4000, number + 1))
    logs[:, :-1] += moments * rng.standard_normal((4000, 1))
    logs[:, -1] += moments * rng.standard_normal(4000)
    inside = 0
    for *medians, further in np.exp(logs).tolist():
        low, high = predict_interval(medians, Spread(*known, of_moments=moments**2))
        inside += low <= further <= high
    assert 0.94 <= inside / 4000 <= 0.99


def test_nothing_is_said_where_nothing_is_known():
    assert predict_interval([10.0]) is None


def test_a_file_is_timed_in_new_processes():
    (found,), runs = measure(Task([str(REFERENCE)], effort=BRIEF))
    assert len(runs) >= 3
    low, high = found.interval_ms
    assert 0.0 < low <= found.median_ms <= high
    assert found.p95_ms >= min(found.medians_ms)
    # It is timed beside itself, so that both agree in some process, however busy the machine is.
    ratios = [np.median(run.times_ms[0]) / run.reference_ms for run in runs]
    assert min(ratios) < 1.5
    assert max(ratios) > 1 / 1.5
    assert all(len(run.times_ms[0]) >= BRIEF.min_repeats for run in runs)
    assert all(run.peak_memory_mib > 0 for run in runs)
    assert {"device", "python", "numpy", "onnxruntime"} == set(runs[0].runtime)


def test_a_file_that_does_not_run_is_told_by_name(tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    for file in (broken, tmp_path / "missing.onnx"):
        with pytest.raises(TimingError, match=file.name):
            measure(Task([str(file)], effort=BRIEF))


def test_the_script_stands_alone(tmp_path):
    tree = ast.parse(Path(standalone.__file__).read_text())
    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    imported |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    roots = {str(name).split(".")[0] for name in imported}
    assert roots - sys.stdlib_module_names == {"numpy", "onnxruntime"}
    script = shutil.copy(standalone.__file__, tmp_path / "measure.py")
    shutil.copy(REFERENCE, tmp_path)
    task = json.dumps(asdict(Task(["reference.onnx"], effort=BRIEF)))
    call = [sys.executable, "-I", script, "--once", task]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=True)
    run = Run(**json.loads(done.stdout))
    assert min(run.times_ms[0]) > 0
    assert len(run.paces_ms) == len(run.times_ms[0])
