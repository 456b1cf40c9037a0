"""What is done about each kind of fault, without a process."""

from typing import get_args

import pytest

from smnas.execution.faults import RETRIES, next_step
from smnas.execution.work import Fault, FaultKind, Limits, Order
from smnas.trial.trial import Failure, Outcome


def follow(order: Order | Outcome, *faults: Fault) -> Order | Outcome:
    for fault in faults:
        assert isinstance(order, Order)
        order = next_step(order, fault, 7.0)
    return order


def test_every_kind_is_in_the_table():
    assert set(RETRIES) == set(get_args(FaultKind))


@pytest.mark.parametrize("kind", sorted(set(RETRIES) - {"memory"}))
def test_a_trial_is_tried_again_as_often_as_the_table_says(make_trial, kind):
    fault = Fault(kind, "measuring", "why")
    last = follow(Order(make_trial(0)), *[fault] * RETRIES[kind])
    assert isinstance(last, Order)
    found = follow(last, fault)
    assert isinstance(found, Outcome)
    assert found.failure == Failure(
        stage="measuring", reason=f"{kind} {RETRIES[kind] + 1} times: why"
    )
    assert found.seconds == 7.0


def test_faults_are_counted_by_their_kinds(make_trial):
    killed, crashed = (Fault(kind, "training", "why") for kind in ("killed", "crashed"))
    found = follow(Order(make_trial(0)), *[killed] * RETRIES["killed"], crashed)
    assert isinstance(found, Order)


def test_batches_are_halved_while_there_is_something_to_halve(make_trial):
    short = Fault("memory", "training", "why")
    order = Order(make_trial(0), Limits(batch_parts=6))
    assert follow(order, short).batch_parts == 2
    assert follow(order, short, short).batch_parts == 4
    found = follow(order, short, short, short)
    assert found.failure.stage == "memory"
    assert found.failure.reason.endswith("in training, with batches in 4 parts: why")


def test_parts_are_kept_by_an_attempt_after_another_fault(make_trial):
    order = Order(make_trial(0), Limits(batch_parts=8))
    again = follow(order, Fault("memory", "training", "a"), Fault("killed", "training", "b"))
    assert again.batch_parts == 2


def test_smaller_batches_are_no_remedy_outside_of_training(make_trial):
    order = Order(make_trial(0), Limits(batch_parts=8))
    found = follow(order, Fault("memory", "measuring", "why"))
    assert found.failure == Failure(
        stage="memory", reason="does not fit into memory in measuring: why"
    )
