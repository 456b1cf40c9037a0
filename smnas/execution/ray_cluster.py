"""Trials on a cluster, or on the GPUs of this machine: Ray carries them to its workers.

A slot is a Ray worker that is used again and again, and that starts a child process for each trial
by the same code as on one machine (``slot.py``). No disk is shared: orders, progress, files and
outcomes travel through Ray, and the driver alone writes the run folder.
"""

import os
import pickle
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smnas.errors import ConfigError, SmnasError
from smnas.execution.queueing import QueueingExecutor, Running
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
        "address, gpus_per_trial: a cluster, or several GPUs, need Ray, which is not installed: "
        "pip install 'smnas[ray]', or leave --address out and --workers on cuda"
    ) from None

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Trials have limits of their own, which know what to do about it.
    "RAY_memory_monitor_refresh_ms": "0",
    # Whatever runs trials ends by itself, and ends them, when its owner is gone.
    "RAY_kill_child_processes_on_worker_exit": "false",
}
LOCAL = "local"
_LOCAL_STORE_BYTES = 512 * 2**20
_ANSWERS_S = 10.0


@contextmanager
def connected(address: str | None, slots: int | None, share: Share) -> Generator[int]:
    """Begin with Ray, and end with it; the value is how many slots there are.

    A Ray that this process has begun with already is used as it is, and goes on.

    Args:
        address: ``HOST:PORT`` of a cluster; None or ``local`` starts one on this machine, for
            ``slots`` slots.
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
    if address in (None, LOCAL):
        slots = slots or 1
        gpus = int(-(-slots * share.gpus // 1)) or None
        quiet |= {"include_dashboard": False, "object_store_memory": _LOCAL_STORE_BYTES}
        ray.init(LOCAL, num_cpus=slots * share.cpus, num_gpus=gpus, **quiet)
    else:
        _check_answers(address)
        try:
            ray.init(address, **quiet)
        except (ConnectionError, ValueError) as error:
            raise ConfigError(f"address: no Ray cluster at {address!r}: {error}") from None
    try:
        yield slots or _count_slots(share)
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Make sure that something answers at ``HOST:PORT``: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=_ANSWERS_S).close()
        except (OSError, OverflowError) as error:
            raise ConfigError(f"address: no Ray cluster at {address!r}: {error}") from None


def _count_slots(share: Share) -> int:
    found = sum(share.fits(node["Resources"]) for node in ray.nodes() if node["Alive"])
    if found < 1:
        raise ConfigError(
            f"address: no machine of the cluster has {share.cpus} cores and {share.gpus:g} GPUs "
            "for a trial; ask for less, or name the number of trials with --workers and add some"
        )
    return found


class RayExecutor(QueueingExecutor[Any]):
    """Runs trials on Ray's workers.

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
        super().__init__(slots, limits, progress)
        self._world = world
        self._store = store
        rooms = [share.fits(node["Resources"]) for node in ray.nodes() if node["Alive"]]
        self._new_worker = lambda: (
            ray.remote(_RayWorker)
            .options(num_cpus=share.cpus, num_gpus=share.gpus, scheduling_strategy="SPREAD")
            .remote(pickle.dumps(world), 1 / max([1, *rooms]), keep_sent)
        )
        self._free: list[Any] = []
        self._sent: list[Any] | None = None
        """Where Ray keeps the data, once a worker has lacked them."""

    def _begin(self, order: Order, began: float) -> None:
        worker: Any = self._free.pop() if self._free else self._new_worker()
        events = worker.run.remote(order, self._store.read(order.trial))
        self._running.append(Running(worker, order, began, events=events))

    def _next_events(self) -> Iterator[tuple[Running[Any], Event]]:
        of = {running.events: running for running in self._running}
        ready, _ = ray.wait(list(of), num_returns=1)
        for events in ready:
            yield of[events], _next(events, of[events].last.stage)

    def _take_in(self, running: Running[Any], event: Files | DataMissing) -> None:
        if isinstance(event, DataMissing):
            self._send_data(running, event.reason)
            return
        try:
            self._store.write(event.content)
        except SmnasError:  # what has come is lost: the attempt is, too
            ray.kill(running.worker)
            raise

    def _send_data(self, running: Running[Any], reason: SmnasError) -> None:
        """Send the data to a worker that lacks them, and begin the attempt again."""
        if running.last.note == _SENT:
            raise reason
        if self._sent is None:
            self._sent = [ray.put(part) for part in self._world.pack()]
        worker, order = running.worker, running.order
        worker.settle_from.remote(self._world.key, self._sent)
        running.last = Progress("build", 0.0, _SENT)
        running.events = worker.run.remote(order, self._store.read(order.trial))

    def _end(self, running: Running[Any], event: Fault | Outcome) -> Outcome | None:
        if not (isinstance(event, Fault) and event.kind == "lost"):
            self._free.append(running.worker)
        return super()._end(running, event)

    def _stop(self) -> None:
        for worker in (*(running.worker for running in self._running), *self._free):
            ray.kill(worker)
        self._free = []


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
