"""What is known of a candidate before its training decides whether it is trained."""

import pytest
from tiny_trials import make_trial, raising

from smnas.experiment import judging, trial_training
from smnas.experiment.forecast import Forecast
from smnas.measure.latency import measure_latency
from smnas.trial.constraint import Constraint
from smnas.trial.measurement import Measurement, PredictionProtocol
from smnas.trial.pruning import PruneRule


def _constraints(*texts):
    return tuple(map(Constraint.parse, texts))


def test_a_candidate_that_breaks_a_constraint_is_counted_and_not_trained(
    make_evaluator, monkeypatch, tmp_path
):
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("trained")))
    monkeypatch.setattr(judging, "measure_latency", raising(AssertionError("timed")))
    limits = _constraints("params_m <= 0.001", "latency_ms <= 1000")
    outcome = make_evaluator(constraints=limits, clock="device")(make_trial())
    assert outcome.failure.stage == "constraint"
    assert outcome.failure.reason.endswith(", expected params_m <= 0.001")
    assert {item.metric for item in outcome.measurements} == {"params_m", "macs_g"}
    assert outcome.weights is None
    assert not (tmp_path / "trials").exists()


def test_one_that_is_too_slow_is_timed_as_deployed_and_not_trained(make_evaluator, monkeypatch):
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("trained")))
    limits = _constraints("latency_ms <= 0.001")
    outcome = make_evaluator(constraints=limits, clock="device")(make_trial())
    assert outcome.failure.stage == "constraint"
    assert "expected latency_ms <= 0.001" in outcome.failure.reason
    assert {item.metric for item in outcome.measurements} == {"params_m", "macs_g", "latency_ms"}


@pytest.mark.parametrize("metric", ["macs_g", "latency_ms"])
def test_what_cannot_move_the_front_is_not_trained_but_where_it_is_spared(
    make_evaluator, monkeypatch, metric
):
    rule = PruneRule(larger=1, better=2, metric=metric, limit=1e-9, merit="ap", bound=0.5)

    def with_rule(**changes):
        trial, ruled = make_trial(), rule.model_copy(update=changes)
        proposal = trial.proposal.model_copy(update={"pruning": ruled})
        return trial.model_copy(update={"proposal": proposal})

    for harmless in ({"limit": 1e9}, {"spared": True}):
        assert make_evaluator()(with_rule(**harmless)).failure is None
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("trained")))
    outcome = make_evaluator()(with_rule())
    assert (outcome.failure.stage, outcome.failure.reason) == ("pruning", rule.reason)
    assert metric in {item.metric for item in outcome.measurements}
    assert outcome.weights is None


def test_one_that_is_too_slow_by_its_blocks_is_neither_exported_nor_timed(
    make_evaluator, monkeypatch
):
    protocol = PredictionProtocol(
        runtime="torch-eager", precision="float32", device="this CPU", batch=1, threads=1,
        versions={}, detectors=9, error=0.03,
    )  # fmt: skip
    predicted = Measurement(
        metric="latency_ms_predicted", value=40.0, unit="ms", interval=(35.0, 46.0),
        protocol=protocol,
    )  # fmt: skip
    asked = []

    def predict(self, arch):
        asked.append(arch)
        return (predicted,)

    monkeypatch.setattr(Forecast, "predict", predict)
    monkeypatch.setattr(Forecast, "learn", lambda *_: None)
    kept = make_evaluator(constraints=_constraints("latency_ms <= 36"), clock="device")(
        make_trial()
    )
    assert kept.failure is None
    assert {"latency_ms", "latency_ms_predicted"} <= {item.metric for item in kept.measurements}
    monkeypatch.setattr(judging, "measure_latency", raising(AssertionError("timed")))
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("trained")))
    outcome = make_evaluator(constraints=_constraints("latency_ms <= 30"), clock="device")(
        make_trial()
    )
    assert outcome.failure.stage == "constraint"
    assert "latency_ms_predicted is 40 (35 to 46), not measured" in outcome.failure.reason
    assert predicted in outcome.measurements
    assert "latency_ms" not in {item.metric for item in outcome.measurements}
    arch = make_trial().proposal.arch
    assert asked == [arch.deployed] * 2
    limits = _constraints("latency_ms <= 30")
    make_evaluator(constraints=limits, clock="device", ships="gn-ws")(make_trial())
    assert asked[2:] == [arch.replace(norm="gn-ws")]


def test_nothing_is_predicted_where_no_clock_is_read(make_evaluator, monkeypatch):
    monkeypatch.setattr(Forecast, "predict", raising(AssertionError("predicted")))
    limits = _constraints("latency_ms <= 0.001")
    outcome = make_evaluator(constraints=limits, clock="stand-in")(make_trial())
    assert outcome.failure.reason.startswith("latency_ms is")


def test_one_that_keeps_all_is_trained_and_timed_once(make_evaluator, monkeypatch):
    times = []

    def count_times(*args, **kwargs):
        times.append(measure_latency(*args, **kwargs))
        return times[-1]

    monkeypatch.setattr(judging, "measure_latency", count_times)
    limits = _constraints("latency_ms <= 10000", "params_m <= 1")
    outcome = make_evaluator(constraints=limits, clock="device")(make_trial())
    assert outcome.failure is None
    metrics = [item.metric for item in outcome.measurements]
    assert len(set(metrics)) == len(metrics)
    assert {"ap", "params_m", "macs_g", "latency_ms"} <= set(metrics)
    assert len(times) == 1


def test_limits_change_no_number_of_what_keeps_them(make_evaluator):
    free = make_evaluator()(make_trial())
    for limits in (_constraints("params_m <= 1"), _constraints("latency_ms <= 10000")):
        assert make_evaluator(constraints=limits)(make_trial()).measurements == free.measurements


def test_finals_and_the_yardstick_are_trained_all_the_same(make_evaluator):
    limits = _constraints("params_m <= 0.001")
    for stage in ("final", "yardstick"):
        assert make_evaluator(constraints=limits)(make_trial(stage=stage)).failure is None
