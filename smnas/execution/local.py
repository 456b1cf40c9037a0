"""Trials on this machine: each in a process of its own, as many at a time as there are slots."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from smnas.errors import SmnasError
from smnas.execution.queueing import QueueingExecutor, Running
from smnas.execution.work import (
    Event,
    Limits,
    Order,
    Progress,
    TrialProgress,
    TrialSlot,
)
from smnas.trial.trial import Trial

_Heard = tuple[Running[TrialSlot], Event | BaseException]


class LocalExecutor(QueueingExecutor[TrialSlot]):
    """Runs trials in slots of this machine; a thread for each passes on what happens there.

    Args:
        slots: Where trials run, one at a time in each.
        limits: What a trial may use.
        progress: Told how far the running trials are.
    """

    def __init__(
        self,
        slots: Sequence[TrialSlot],
        limits: Callable[[Trial], Limits],
        progress: TrialProgress,
    ) -> None:
        super().__init__(len(slots), limits, progress)
        self._places = tuple(slots)
        self._heard: SimpleQueue[_Heard] = SimpleQueue()
        self._threads = ThreadPoolExecutor(len(slots), thread_name_prefix="smnas-slot")

    def _begin(self, order: Order, began: float) -> None:
        taken = [running.worker for running in self._running]
        free = next(slot for slot in self._places if slot not in taken)
        running = Running(free, order, began)
        self._running.append(running)
        self._threads.submit(self._attempt, running)

    def _next_events(self) -> Iterator[tuple[Running[TrialSlot], Event]]:
        running, event = self._heard.get()
        if isinstance(event, BaseException) and not isinstance(event, SmnasError):
            raise event
        yield running, event

    def _stop(self) -> None:
        for slot in self._places:
            slot.kill()
        self._threads.shutdown()
        for slot in self._places:
            slot.close()

    def _attempt(self, running: Running[TrialSlot]) -> None:
        """Pass on what happens in an attempt; runs in a thread of its own.

        The end is told when the slot has finished with it, since then the next attempt may begin.
        """
        number = running.order.trial.number
        end: Event | BaseException = SmnasError(f"trial {number} ended without a word")
        try:
            for event in running.worker.run(running.order):
                if isinstance(event, Progress):
                    self._heard.put((running, event))
                else:
                    end = event
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            end = error
        self._heard.put((running, end))
