"""Many trials at a time, on this machine or on a cluster: Ray carries them to its workers.

A slot is a Ray worker that is used again and again, and that starts a child process for each trial
by the same code as on one machine (``slot.py``). No disk is shared: orders, progress, files and
outcomes travel through Ray, and the driver alone writes the run folder.
"""

import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smnas.errors import ConfigError, SmnasError
from smnas.execution.faults import next_step
from smnas.execution.work import (
    DataMissing,
    Event,
    Fault,
    Files,
    Limits,
    Movable,
    Order,
    Progress,
    Share,
    Store,
    TrialProgress,
)
from smnas.execution.worker import KeepSent, Worker
from smnas.trial.trial import FailureStage, Outcome, Trial

try:
    import ray
    from ray.exceptions import ActorDiedError, RayError, RayTaskError
except ModuleNotFoundError:
    raise ConfigError(
        "workers, address: more than one trial at a time needs Ray, which is not installed: "
        "pip install 'smnas[ray]', or leave --workers and --address out"
    ) from None

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Trials have limits of their own, which know what to do about it.
    "RAY_memory_monitor_refresh_ms": "0",
    # Whatever runs trials ends by itself, and ends them, when its owner is gone.
    "RAY_kill_child_processes_on_worker_exit": "false",
}
_LOCAL_STORE_BYTES = 512 * 2**20


@contextmanager
def connected(address: str | None, slots: int | None, share: Share) -> Generator[int]:
    """Begin with Ray, and end with it; the value is how many slots there are.

    A Ray that this process has begun with already is used as it is, and goes on.

    Args:
        address: ``HOST:PORT`` of a cluster; None starts one on this machine, for ``slots`` slots.
        slots: None: as many as the cluster has room for now.
        share: What each gets.

    Raises:
        ConfigError: No cluster there, or one without room for a single trial.
    """
    if ray.is_initialized():
        yield slots or _count_slots(share)
        return
    os.environ.update(_QUIET)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        slots = slots or 1
        gpus = int(-(-slots * share.gpus // 1)) or None
        quiet |= {"include_dashboard": False, "object_store_memory": _LOCAL_STORE_BYTES}
        ray.init("local", num_cpus=slots * share.cpus, num_gpus=gpus, **quiet)
    else:
        try:
            ray.init(address, **quiet)
        except (ConnectionError, ValueError) as error:
            raise ConfigError(f"address: no Ray cluster at {address!r}: {error}") from None
    try:
        yield slots or _count_slots(share)
    finally:
        ray.shutdown()


def _count_slots(share: Share) -> int:
    found = sum(share.fits(node["Resources"]) for node in ray.nodes() if node["Alive"])
    if found < 1:
        raise ConfigError(
            f"address: no machine of the cluster has {share.cpus} cores and {share.gpus:g} GPUs "
            "for a trial; ask for less, or name the number of trials with --workers and add some"
        )
    return found


@dataclass
class _Running:
    """An attempt on a worker."""

    worker: Any
    order: Order
    began: float
    last: Progress


class RayExecutor:
    """Keeps so many trials running as there are slots; what is submitted beyond queues up.

    A worker that dies, or whose machine goes away, costs an attempt of its trial, which is tried
    again elsewhere; another worker takes its place as soon as a machine has room.

    Args:
        world: What the trials share.
        slots: Trials at a time.
        share: What each gets of its machine.
        store: The run folder.
        limits: What a trial may use.
        progress: Told how far the running trials are.
        keep_sent: Keeps data on a machine that they had to be sent to.
    """

    def __init__(
        self,
        world: Movable,
        slots: int,
        share: Share,
        store: Store,
        limits: Callable[[Trial], Limits],
        progress: TrialProgress,
        keep_sent: KeepSent,
    ) -> None:
        self._world = world
        self._slots = slots
        self._store = store
        self._limits = limits
        self._progress = progress
        rooms = [share.fits(node["Resources"]) for node in ray.nodes() if node["Alive"]]
        self._new_worker = lambda: (
            ray.remote(_RayWorker)
            .options(num_cpus=share.cpus, num_gpus=share.gpus, scheduling_strategy="SPREAD")
            .remote(pickle.dumps(world), 1 / max([1, *rooms]), keep_sent)
        )
        self._free: list[Any] = []
        self._queue: deque[tuple[Order, float]] = deque()
        self._running: dict[Any, _Running] = {}
        """By the generator of its events."""
        self._sent: list[Any] | None = None
        """Where Ray keeps the data, once a worker has lacked them."""

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
            ready, _ = ray.wait(list(self._running), num_returns=1)
            for events in ready:
                outcome = self._hear(events)
                if outcome is not None:
                    ended.append(outcome)
        self._fill()
        return ended

    def idle(self) -> bool:
        """Return whether nothing is running or waiting."""
        return not self._running and not self._queue

    def drop_waiting(self) -> None:
        """Forget what has no slot yet."""
        self._queue.clear()

    def close(self) -> None:
        """Stop what runs; the processes of a worker end with it."""
        for running in self._running.values():
            self._queue.append((running.order, running.began))
            ray.kill(running.worker)
        for worker in self._free:
            ray.kill(worker)
        self._running, self._free = {}, []

    def _fill(self) -> None:
        while self._queue and len(self._running) < self._slots:
            order, began = self._queue.popleft()
            self._begin(self._free.pop() if self._free else self._new_worker(), order, began)

    def _begin(self, worker: Any, order: Order, began: float) -> None:
        events = worker.run.remote(order, self._store.read(order.trial))
        self._running[events] = _Running(worker, order, began, Progress("build", 0.0, "starting"))

    def _hear(self, events: Any) -> tuple[int, Outcome] | None:
        """Take in the next event of an attempt; return the outcome if that is what it is."""
        running = self._running[events]
        event = _next(events, running.last.stage)
        try:
            if isinstance(event, Files):
                self._store.write(event.content)
        except SmnasError as error:  # what has come is lost: the attempt is, too
            ray.kill(running.worker)
            event = error
        match event:
            case Progress(share=share, note=note):
                running.last = event
                self._progress(running.order.trial.number, share, note)
            case Files():
                pass
            case DataMissing():
                del self._running[events]
                self._send_data(running, event.reason)
            case SmnasError():
                del self._running[events]
                self._queue.appendleft((running.order, running.began))
                raise event
            case Fault() | Outcome():
                del self._running[events]
                return self._end(running, event)
        return None

    def _end(self, running: _Running, event: Fault | Outcome) -> tuple[int, Outcome] | None:
        """Free the slot of an attempt, and begin the next one or return the outcome."""
        if not (isinstance(event, Fault) and event.kind == "lost"):
            self._free.append(running.worker)
        step: Order | Outcome = (
            event
            if isinstance(event, Outcome)
            else next_step(running.order, event, time.monotonic() - running.began)
        )
        if isinstance(step, Outcome):
            return running.order.trial.number, step
        self._queue.appendleft((step, running.began))
        return None

    def _send_data(self, running: _Running, reason: SmnasError) -> None:
        """Send the data to a worker that lacks them, and begin the attempt again."""
        if running.last.note == _SENT:
            self._queue.appendleft((running.order, running.began))
            raise reason
        if self._sent is None:
            self._sent = [ray.put(part) for part in self._world.pack()]
        running.worker.settle_from.remote(self._world.key, self._sent)
        self._begin(running.worker, running.order, running.began)
        next(reversed(self._running.values())).last = Progress("build", 0.0, _SENT)


_SENT = "data sent"


class _RayWorker(Worker):
    """A worker inside Ray."""

    def settle_from(self, key: str, parts: list[Any]) -> None:
        """Take the data from where Ray keeps them."""

        def write(folder: Path) -> None:
            for part in parts:
                files: Any = ray.get(part)
                for name, content in files.items():
                    path = folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)

        self.settle(key, write)


def _next(events: Any, stage: FailureStage) -> Event:
    """Return the next event of an attempt, which is a fault where its worker is gone."""
    try:
        event: Any = ray.get(next(events))
    except RayTaskError as error:
        return Fault("crashed", stage, f"its worker met an error: {error.cause!r}")
    except ActorDiedError as error:
        if "creation task" in str(error):  # so would every other one
            return SmnasError(f"a Ray worker could not start: {error}")
        return Fault("lost", stage, "its worker or machine went away")
    except (RayError, StopIteration):
        return Fault("lost", stage, "its worker or machine went away")
    return event
