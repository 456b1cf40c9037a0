"""One trial at a time, on this machine."""

import time
from collections import deque
from collections.abc import Callable

from smnas.errors import SmnasError
from smnas.execution.faults import next_step
from smnas.execution.work import (
    DataMissing,
    Fault,
    Files,
    Limits,
    Order,
    Progress,
    TrialProgress,
    TrialSlot,
)
from smnas.trial.trial import Outcome, Trial


class InlineExecutor:
    """Runs a trial when it is waited for; what is submitted meanwhile queues up.

    Args:
        slot: Where trials run.
        limits: What a trial may use.
        progress: Told how far the running trial is.
    """

    def __init__(
        self,
        slot: TrialSlot,
        limits: Callable[[Trial], Limits],
        progress: TrialProgress,
    ) -> None:
        self._slot = slot
        self._limits = limits
        self._progress = progress
        self._queue: deque[Trial] = deque()

    def free_slots(self) -> int:
        """Return 1 while nothing is queued, else 0."""
        return 0 if self._queue else 1

    def submit(self, trial: Trial) -> None:
        """Queue ``trial``."""
        self._queue.append(trial)

    def wait(self) -> list[tuple[int, Outcome]]:
        """Run the oldest queued trial and return its outcome; empty where nothing is queued."""
        if not self._queue:
            return []
        trial = self._queue[0]
        began = time.monotonic()
        step: Order | Outcome = Order(trial, self._limits(trial))
        while isinstance(step, Order):
            end = self._run(step)
            step = next_step(step, end, time.monotonic() - began) if isinstance(end, Fault) else end
        self._queue.popleft()
        return [(trial.number, step)]

    def idle(self) -> bool:
        """Return whether the queue is empty."""
        return not self._queue

    def drop_waiting(self) -> None:
        """Forget what is queued."""
        self._queue.clear()

    def close(self) -> None:
        """Stop what runs."""
        self._slot.close()

    def _run(self, order: Order) -> Fault | Outcome:
        """Return how an attempt ended."""
        for event in self._slot.run(order):
            match event:
                case Progress(share=share, note=note):
                    self._progress(order.trial.number, share, note)
                case Fault() | Outcome():
                    return event
                case SmnasError():
                    raise event
                case DataMissing(reason=reason):
                    raise reason
                case Files():
                    continue  # they lie where they belong
        raise SmnasError(f"trial {order.trial.number} ended without a word")
