"""Proposals and outcomes as they travel: exact JSON, numbers or a failure, the latest number."""

import pytest
from pydantic import ValidationError

from smnas.trial.budget import Budget
from smnas.trial.trial import Failure, Outcome, Trial

FAILURE = Failure(stage="training", reason="loss is not finite")


def test_json_is_exact(make_trial):
    for trial in (
        make_trial(0, ap=0.25, latency_ms=1 / 3),
        make_trial(1, state="failed"),
        make_trial(2, state="running"),
    ):
        assert Trial.model_validate_json(trial.model_dump_json()) == trial


def test_an_outcome_has_numbers_or_a_failure_and_not_both(make_trial):
    measurements = make_trial(0, ap=0.5).outcome.measurements
    for wrong in ({}, {"measurements": measurements, "failure": FAILURE}):
        with pytest.raises(
            ValidationError, match="measurements or a failure, and both for a constraint"
        ):
            Outcome(**wrong)


def test_a_broken_constraint_keeps_what_was_measured_and_counts_as_no_training(make_trial):
    failure = Failure(stage="constraint", reason="params_m is 7, expected params_m <= 5")
    measurements = make_trial(0, params_m=7.0).outcome.measurements
    outcome = Outcome(measurements=measurements, failure=failure, seconds=0.5)
    refused = make_trial(0, state="running").model_copy(update={"outcome": outcome})
    assert Trial.model_validate_json(refused.model_dump_json()) == refused
    assert (refused.succeeded, refused.refused, refused.failed) == (False, True, False)
    assert refused.value("params_m") == 7.0
    with pytest.raises(ValidationError, match="measurements or a failure"):
        Outcome(failure=failure)
    for state, failed in (("done", False), ("failed", True), ("running", False)):
        trial = make_trial(0, state=state, ap=0.5)
        assert (trial.refused, trial.failed) == (False, failed)


@pytest.mark.parametrize(
    ("state", "succeeded"), [("done", True), ("failed", False), ("running", False)]
)
def test_success(make_trial, state, succeeded):
    assert make_trial(0, state=state, ap=0.5).succeeded is succeeded


def test_the_latest_number_of_a_split_counts(make_trial):
    trial = make_trial(0, ap=0.2, latency_ms=9.0)
    learned = make_trial(1, ap=0.8, split="test").outcome.measurements
    learned += make_trial(2, latency_ms=7.0).outcome.measurements
    later = trial.model_copy(update={"later": learned})
    assert later.value("ap") == 0.2
    assert later.value("ap", "test") == 0.8
    assert later.value("latency_ms") == 7.0
    assert trial.measurement("ap", "test") is None


def test_a_number_that_is_not_there_is_named(make_trial):
    with pytest.raises(KeyError, match="trial 3 has no 'ap50' on 'test'"):
        make_trial(3, ap=0.1).value("ap50", "test")
    assert make_trial(4, state="running").measurement("ap") is None


@pytest.mark.parametrize(
    ("stage", "counts"), [(1, True), (2, True), ("final", False), ("yardstick", False)]
)
def test_candidates_are_those_of_the_two_stages(make_trial, stage, counts):
    proposal = make_trial(0, state="running").proposal.model_copy(update={"stage": stage})
    assert proposal.is_candidate is counts


@pytest.mark.parametrize(("epochs", "text"), [(1, "1 epoch"), (12, "12 epochs")])
def test_budgets_read_well(epochs, text):
    assert str(Budget(epochs=epochs)) == text


def test_a_rung_ends_before_its_schedule_and_the_last_one_is_the_plain_budget():
    rung = Budget(epochs=1, horizon_epochs=9)
    assert (str(rung), rung.is_rung, rung.schedule) == ("1 of 9 epochs", True, Budget(epochs=9))
    last = Budget(epochs=9, horizon_epochs=9)
    assert last == Budget(epochs=9)
    assert (last.is_rung, last.schedule) == (False, last)
    assert rung != Budget(epochs=1)
    assert Budget.model_validate_json(rung.model_dump_json()) == rung
    with pytest.raises(ValidationError, match="expected at least the 9 epochs that are trained"):
        Budget(epochs=9, horizon_epochs=3)


@pytest.mark.parametrize("epochs", [0, -1, 10_001, 1.5])
def test_budgets_out_of_range_are_refused(epochs):
    with pytest.raises(ValidationError, match="epochs"):
        Budget(epochs=epochs)


def test_a_rung_costs_what_it_trains_with_its_cooldown() -> None:
    low, top = Budget(epochs=5, horizon_epochs=9), Budget(epochs=9)
    assert low.epochs_beyond(None) == pytest.approx(6)
    assert top.epochs_beyond(low) == 4
    assert top.epochs_beyond(None) == 9
