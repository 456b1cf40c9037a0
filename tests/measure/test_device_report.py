import json

import pytest

from smnas.errors import MeasurementError, MissingFileError
from smnas.measure.device_report import DeviceReport, read_device_report

CONTENT = {
    "format": "smnas-device-report-1",
    "made": "2026-01-01T00:00:00+00:00",
    "system": "Linux",
    "protocol": {
        "runtime": "onnxruntime",
        "precision": "float32",
        "device": "some CPU, 2 cores",
        "batch": 1,
        "threads": 2,
        "warmup": 20,
        "repeats": 200,
        "fresh_processes": True,
        "versions": {"numpy": "2.0", "onnxruntime": "1.20", "python": "3.12"},
    },
    "timings": [
        {
            "file": "block.onnx",
            "sha256": "a" * 64,
            "median_ms": 2.0,
            "interval_ms": [1.9, 2.1],
            "p95_ms": 2.5,
            "flag": "busy",
        }
    ],
    "detector": None,
    "check": None,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "device-report.json"


def test_a_report_gives_measurements_of_its_protocol(path):
    path.write_text(json.dumps(CONTENT))
    report = read_device_report(path)
    median, p95 = report.latency(report.timings[0])
    assert (median.metric, median.value, median.interval) == ("latency_ms", 2.0, (1.9, 2.1))
    assert (p95.metric, p95.value, p95.interval) == ("latency_p95_ms", 2.5, None)
    assert median.protocol == p95.protocol == report.protocol
    assert median.flag == p95.flag == "busy"
    assert DeviceReport.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "smnas-device-report-9"}, "format: Input should be"),
        ({"timings": []}, "timings: .*at least 1"),
        ({"timings": [CONTENT["timings"][0] | {"median_ms": -1.0}]}, "median_ms"),
        ({"timings": [CONTENT["timings"][0] | {"sha256": "short"}]}, "sha256"),
        ({"sytem": "Linux"}, "did you mean 'system'"),
    ],
)
def test_what_is_no_report_is_refused_in_words(path, changes, words):
    path.write_text(json.dumps(CONTENT | changes))
    with pytest.raises(MeasurementError, match=words) as caught:
        read_device_report(path)
    assert "measure.py" in str(caught.value)


def test_no_json_and_no_file(path):
    with pytest.raises(MissingFileError, match="no such device report"):
        read_device_report(path)
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(MeasurementError, match="Invalid JSON"):
        read_device_report(path)
