import json

import numpy as np
import pytest

from smnas.measure.latency_history import ENOUGH_FREEDOM, MOST_FREEDOM, LatencyHistory
from smnas.measure.standalone import Finding, Run, Spread, Task


def finding(*medians_ms: float, flag: str | None = None) -> Finding:
    return Finding(medians_ms[0], None, medians_ms[0], list(medians_ms), flag)


def run(reference_ms: float, busy: float = 0.0) -> Run:
    return Run([[1.0]], [reference_ms], 0.0, busy, 0.0, {})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "latency" / "device.jsonl"


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "a.onnx"
    made.write_bytes(b"a network")
    return str(made)


def test_a_device_that_was_never_timed_tells_nothing(path):
    history = LatencyHistory(path)
    assert (history.spread, history.usual_reference_ms, history.processes) == (Spread(), None, 3)


def test_what_was_timed_is_known_in_the_next_process(path, file):
    first = LatencyHistory(path)
    for _ in range(ENOUGH_FREEDOM):
        first.add([file], [finding(10.0, 10.2, 9.8)], [run(2.0)])
    for history in (first, LatencyHistory(path)):
        variance, freedom, _ = history.spread
        assert variance == pytest.approx(0.02**2, rel=0.01)
        assert freedom == MOST_FREEDOM
        assert history.usual_reference_ms == pytest.approx(2.0)
        assert history.processes == 2


def test_a_flagged_timing_says_nothing_of_the_spread(path, file):
    history = LatencyHistory(path)
    history.add([file], [finding(10.0, 15.0, 7.0, flag="busy")], [run(2.0)])
    assert history.spread == Spread()


def test_the_usual_pace_is_that_of_times_when_nothing_else_ran(path, file):
    history = LatencyHistory(path)
    for _ in range(ENOUGH_FREEDOM):
        history.add([file], [finding(10.0, 10.2)], [run(2.0), run(9.0, busy=0.9)])
    assert history.usual_reference_ms == pytest.approx(2.0)
    for _ in range(9 * ENOUGH_FREEDOM):  # slower for good
        history.add([file], [finding(13.0, 13.2, flag="slow")], [run(2.6)])
    assert history.usual_reference_ms == pytest.approx(2.6)


def test_a_line_that_a_kill_cut_short_is_left_out(path, file):
    LatencyHistory(path).add([file], [finding(10.0, 10.2)], [run(2.0)])
    with path.open("a") as file:
        file.write('{"variance": 0.1, "free')
    assert LatencyHistory(path).spread.freedom == 1
    assert json.loads(path.read_text().splitlines()[0])["reference_ms"] == [2.0]


def test_a_disk_that_takes_nothing_is_no_loss(tmp_path, file):
    blocked = tmp_path / "file"
    blocked.write_text("")
    history = LatencyHistory(blocked / "device.jsonl")
    history.add([file], [finding(10.0, 10.2)], [run(2.0)])
    assert history.spread.freedom == 1


def test_each_way_of_timing_has_a_history_of_its_own(tmp_path, file, monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_DIR", str(tmp_path))
    one = LatencyHistory.of(Task(["a.onnx"], threads=1), {"device": "x"})
    one.add([file], [finding(10.0, 10.2)], [run(2.0)])
    assert LatencyHistory.of(Task(["b.onnx"], threads=1), {"device": "x"}).spread.freedom == 1
    assert LatencyHistory.of(Task(["a.onnx"], threads=2), {"device": "x"}).spread.freedom == 0
    assert LatencyHistory.of(Task(["a.onnx"], threads=1), {"device": "y"}).spread.freedom == 0


def test_how_moments_differ_is_known_of_files_that_were_timed_again(path, tmp_path):
    rng = np.random.default_rng(0)
    history, files = LatencyHistory(path), [tmp_path / f"{n}.onnx" for n in range(5)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]))
    history.add([str(files[0])], [finding(10.0, 10.2)], [run(2.0)])
    assert history.spread.of_moments == Spread().of_moments
    for _ in range(30):
        for file in files:
            moment = 10.0 * np.exp(0.04 * rng.standard_normal())
            both = moment * np.exp(0.01 * rng.standard_normal(2))
            history.add([str(file)], [finding(*both.tolist())], [run(2.0)])
    for known in (history, LatencyHistory(path)):
        assert known.spread.of_processes == pytest.approx(0.01**2, rel=0.25)
        assert known.spread.of_moments == pytest.approx(0.04**2, rel=0.25)


def test_different_files_say_nothing_of_moments(path, tmp_path):
    history = LatencyHistory(path)
    for number in range(8):
        file = tmp_path / f"{number}.onnx"
        file.write_bytes(bytes([number]))
        history.add([str(file)], [finding(10.0 + number, 10.2 + number)], [run(2.0)])
    assert history.spread.of_moments == Spread().of_moments
