"""Numbers with unit, interval and protocol; protocols told apart by their content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smnas.errors import ConfigError
from smnas.trial.measurement import (
    CountProtocol,
    LatencyProtocol,
    Measurement,
    PredictionProtocol,
    predicted,
    protocol_id,
)
from smnas.trial.metrics import find_metric

MS = LatencyProtocol(
    runtime="torch-eager", precision="float32", device="cpu", batch=1, threads=2, warmup=3,
    repeats=20, versions={"torch": "2.9", "numpy": "2.0"},
)  # fmt: skip


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1e6), st.floats(0, 1e6))
def test_json_is_exact(value, below, above):
    item = Measurement(
        metric="latency_ms", value=value, unit="ms", interval=(-below, above), protocol=MS
    )
    assert Measurement.model_validate_json(item.model_dump_json()) == item


def test_json_tells_protocols_apart():
    counted = Measurement(
        metric="macs_g", value=1.5, unit="G", protocol=CountProtocol(rule="as deployed")
    )
    assert Measurement.model_validate_json(counted.model_dump_json()) == counted


def test_a_predicted_time_is_of_another_kind_than_a_measured_one():
    told = MS.model_dump(exclude={"kind", "warmup", "repeats", "fresh_processes"})
    protocol = PredictionProtocol(**told, detectors=9, error=0.03)
    name = predicted("latency_ms")
    item = Measurement(metric=name, value=9.0, unit="ms", interval=(8.0, 10.0), protocol=protocol)
    assert item.metric == "latency_ms_predicted"
    assert Measurement.model_validate_json(item.model_dump_json()) == item
    assert protocol_id(protocol) != protocol_id(MS)
    with pytest.raises(ConfigError, match="is no metric of a search"):
        find_metric(item.metric)


@pytest.mark.parametrize(
    "change",
    [{"value": float("nan")}, {"value": float("inf")}, {"interval": (2.0, 1.0)}, {"colour": 1}],
)
def test_what_is_no_number_is_refused(change):
    plain = {"metric": "latency_ms", "value": 1.0, "unit": "ms", "protocol": MS}
    with pytest.raises(ValidationError):
        Measurement(**{**plain, **change})


def test_protocols_are_named_by_their_content():
    assert protocol_id(MS) == protocol_id(MS.model_copy())
    assert protocol_id(MS) != protocol_id(MS.model_copy(update={"threads": 1}))
    assert len(protocol_id(MS)) == 12


def test_what_was_measured_before_there_were_fresh_processes_keeps_its_protocols_id():
    assert protocol_id(MS) == "2ea024a04d4b"
    assert protocol_id(MS) != protocol_id(MS.model_copy(update={"fresh_processes": True}))
