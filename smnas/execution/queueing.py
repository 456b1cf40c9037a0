"""What executors share: a queue, so many attempts at a time, and another attempt after a fault."""

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from smnas.errors import SmnasError
from smnas.execution.faults import next_step
from smnas.execution.work import (
    DataMissing,
    Event,
    Fault,
    Files,
    Limits,
    Order,
    Progress,
    TrialProgress,
)
from smnas.trial.trial import Outcome, Trial

WorkerT = TypeVar("WorkerT")
_STARTING = Progress("build", 0.0, "starting")


@dataclass(eq=False)
class Running(Generic[WorkerT]):
    """An attempt on a worker.

    Attributes:
        worker: Where it runs.
        order: What was asked for.
        began: When the first attempt at its trial did.
        last: Where it was when it was last heard of.
        events: What is listened to, where that is not the worker itself.
    """

    worker: WorkerT
    order: Order
    began: float
    last: Progress = _STARTING
    events: Any = None


class QueueingExecutor(ABC, Generic[WorkerT]):
    """Keeps so many trials running as there are slots; what is submitted beyond queues up.

    Args:
        slots: Trials at a time.
        limits: What a trial may use.
        progress: Told how far the running trials are, by the thread that waits.
    """

    def __init__(
        self, slots: int, limits: Callable[[Trial], Limits], progress: TrialProgress
    ) -> None:
        self._slots = slots
        self._limits = limits
        self._progress = progress
        self._queue: deque[tuple[Order, float]] = deque()
        self._running: list[Running[WorkerT]] = []

    def free_slots(self) -> int:
        """Return how many trials can be submitted and begin at once."""
        return max(0, self._slots - len(self._running) - len(self._queue))

    def submit(self, trial: Trial) -> None:
        """Take on ``trial``."""
        self._queue.append((Order(trial, self._limits(trial)), time.monotonic()))
        self._fill()

    def wait(self) -> list[tuple[int, Outcome]]:
        """Block until at least one trial has ended; return the ended ones by their numbers."""
        ended: list[tuple[int, Outcome]] = []
        while not ended and not self.idle():
            self._fill()
            for running, event in self._next_events():
                outcome = self._hear(running, event)
                if outcome is not None:
                    ended.append((running.order.trial.number, outcome))
        self._fill()
        return ended

    def idle(self) -> bool:
        """Return whether nothing is running or waiting."""
        return not self._running and not self._queue

    def drop_waiting(self) -> None:
        """Forget what has no slot yet."""
        self._queue.clear()

    def close(self) -> None:
        """Stop what runs; its trials stay unfinished."""
        self._queue.extend((running.order, running.began) for running in self._running)
        self._stop()
        self._running = []

    @abstractmethod
    def _begin(self, order: Order, began: float) -> None:
        """Begin an attempt on a free worker, and add it to what is running."""

    @abstractmethod
    def _next_events(self) -> Iterable[tuple[Running[WorkerT], Event]]:
        """Block until something has happened in the running attempts, and yield it."""

    @abstractmethod
    def _stop(self) -> None:
        """Stop all workers, those at work and those that are free."""

    def _take_in(self, running: Running[WorkerT], event: Files | DataMissing) -> None:
        """Deal with what only happens to workers that do not see the run folder.

        Raises:
            SmnasError: What came is lost, and with it the search.
        """
        if isinstance(event, DataMissing):
            raise event.reason

    def _fill(self) -> None:
        while self._queue and len(self._running) < self._slots:
            self._begin(*self._queue.popleft())

    def _hear(self, running: Running[WorkerT], event: Event) -> Outcome | None:
        """Take in an event of an attempt; return the trial's outcome if it has come to its end."""
        if isinstance(event, Files | DataMissing):
            try:
                self._take_in(running, event)
            except SmnasError as error:
                event = error
        match event:
            case Progress(share=share, note=note):
                running.last = event
                self._progress(running.order.trial.number, share, note)
            case SmnasError():
                self._requeue(running, running.order)
                raise event
            case Fault() | Outcome():
                return self._end(running, event)
            case Files() | DataMissing():
                pass
        return None

    def _end(self, running: Running[WorkerT], event: Fault | Outcome) -> Outcome | None:
        """Free the slot of an attempt; queue the next attempt, or return the outcome."""
        step: Order | Outcome = (
            event
            if isinstance(event, Outcome)
            else next_step(running.order, event, time.monotonic() - running.began)
        )
        if isinstance(step, Order):
            self._requeue(running, step)
            return None
        self._running.remove(running)
        return step

    def _requeue(self, running: Running[WorkerT], order: Order) -> None:
        """Put a trial back to the head of the queue."""
        self._running.remove(running)
        self._queue.appendleft((order, running.began))
