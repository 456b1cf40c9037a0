"""What is done about an attempt that ended without an outcome."""

from dataclasses import replace

from smnas.execution.work import Fault, FaultKind, Order
from smnas.trial.trial import Failure, Outcome

RETRIES: dict[FaultKind, int] = {
    # The same again would end the same: a batch in parts is tried instead, see below.
    "memory": 0,
    # The limit is generous: what reaches it hangs, and by chance more often than not.
    "hung": 1,
    # An error in smnas or a library; once more, since some come from the machine.
    "crashed": 1,
    # From outside, for example by the system for lack of memory.
    "killed": 5,
    # Its machine or the worker there went away: no fault of the trial.
    "lost": 20,
}
"""How often a trial is tried again after a fault of each kind.

A trial that ends with a failure of its own, such as a loss that is not finite, is not tried again:
it computes the same a second time.
"""


def next_step(order: Order, fault: Fault, seconds: float) -> Order | Outcome:
    """Return the next attempt after ``fault``, or the outcome where there is none.

    Args:
        order: The attempt that failed.
        fault: How.
        seconds: What the trial has taken, all attempts together.
    """
    again = replace(order, faults=(*order.faults, fault.kind))
    parts = 2 * order.batch_parts
    if fault.kind == "memory" and fault.stage == "training" and parts <= order.limits.batch_parts:
        return replace(again, batch_parts=parts)
    if order.faults.count(fault.kind) < RETRIES[fault.kind]:
        return again
    return Outcome(failure=_describe(order, fault), seconds=seconds)


def _describe(order: Order, fault: Fault) -> Failure:
    if fault.kind == "memory":
        parts = f", with batches in {order.batch_parts} parts" if order.batch_parts > 1 else ""
        return Failure(
            stage="memory",
            reason=f"does not fit into memory in {fault.stage}{parts}: {fault.reason}",
        )
    times = 1 + order.faults.count(fault.kind)
    said = f"{fault.kind}{f' {times} times' if times > 1 else ''}: {fault.reason}"
    return Failure(stage=fault.stage, reason=said)
