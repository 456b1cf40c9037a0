"""Constraints as text, and what they say about what was measured."""

import pytest

from smnas.errors import ConfigError
from smnas.trial.constraint import Constraint, describe_breaches, describe_unlikely
from smnas.trial.measurement import CountProtocol, Measurement


def _measured(**values):
    count = CountProtocol(rule="given")
    return [Measurement(metric=m, value=v, unit="1", protocol=count) for m, v in values.items()]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("latency_ms <= 30", "latency_ms <= 30"),
        ("params_m>=0.1234567", "params_m >= 0.1234567"),
        (" macs_g <=  1e-3 ", "macs_g <= 0.001"),
    ],
)
def test_text_is_exact_both_ways(text, written):
    constraint = Constraint.parse(text)
    assert str(constraint) == written
    assert Constraint.parse(written) == constraint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latency <= 30", r"'latency' is no metric to limit; did you mean 'latency_ms'\?"),
        ("latency_ms < 30", "expected METRIC <= NUMBER or METRIC >= NUMBER"),
        ("latency_ms", "expected METRIC <= NUMBER"),
        ("latency_ms <= fast", "expected a number above 0; got 'fast'"),
        ("ap50 >= 0.5", "ap50 is known only after the training.*use one of: latency_ms, macs_g"),
        ("params_m <= 0", "above 0; got '0'"),
        ("params_m <= inf", "above 0; got 'inf'"),
    ],
)
def test_errors_say_what_is_expected(text, message):
    with pytest.raises(ConfigError, match=message):
        Constraint.parse(text)


def test_limits_belong_to_what_is_allowed():
    at_most, at_least = Constraint.parse("params_m <= 5"), Constraint.parse("params_m >= 5")
    assert [at_most.allows(value) for value in (4.9, 5.0, 5.1)] == [True, True, False]
    assert [at_least.allows(value) for value in (4.9, 5.0, 5.1)] == [False, True, True]


def test_breaches_are_told_all_at_once_and_what_is_not_measured_is_kept_so_far():
    limits = [Constraint.parse(text) for text in ("params_m <= 5", "latency_ms <= 30")]
    assert describe_breaches(limits, _measured(params_m=5.0, macs_g=99.0)) is None
    assert describe_breaches(limits, _measured(params_m=7.25)) == (
        "params_m is 7.25, expected params_m <= 5"
    )
    both = describe_breaches(limits, _measured(params_m=7.25, latency_ms=31.0))
    assert both.endswith("; latency_ms is 31, expected latency_ms <= 30")


def _predicted(low, high, metric="latency_ms_predicted"):
    count = CountProtocol(rule="given")
    middle = (low + high) / 2
    return [
        Measurement(metric=metric, value=middle, unit="ms", interval=(low, high), protocol=count)
    ]


def test_a_prediction_refuses_only_where_all_it_may_be_breaks_the_limit():
    limit = [Constraint.parse("latency_ms <= 30")]
    reason = describe_unlikely(limit, _predicted(31.0, 40.0))
    assert reason is not None
    assert "latency_ms_predicted is 35.5 (31 to 40), not measured" in reason
    assert reason.endswith("expected latency_ms <= 30")
    assert describe_unlikely(limit, _predicted(29.0, 60.0)) is None
    assert describe_unlikely([Constraint.parse("latency_ms >= 30")], _predicted(20.0, 29.0))
    assert describe_unlikely([Constraint.parse("params_m <= 3")], _predicted(31.0, 40.0)) is None


def test_a_prediction_is_no_measurement():
    limit = [Constraint.parse("latency_ms <= 30")]
    assert describe_breaches(limit, _predicted(31.0, 40.0)) is None
    assert describe_unlikely(limit, _measured(latency_ms=40.0)) is None
