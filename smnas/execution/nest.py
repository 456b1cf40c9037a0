"""The process that trials are forked from: it holds what they share, and watches one at a time.

Started by ``slot.py`` as ``python -m smnas.execution.nest FD``. A fresh interpreter would import
and read for seconds before each trial; a child of this one begins within hundredths of a second.
Forking is sound because nothing here has started a thread, OpenMP or CUDA; the children do.
"""

import gc
import multiprocessing
import os
import pickle
import signal
import sys
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path

from smnas.errors import SmnasError
from smnas.execution.child import run_child
from smnas.execution.process import kill_group, memory_mib, system_kills
from smnas.execution.work import Event, Fault, FaultKind, Order, Progress, Work

TICK_S = 0.5
"""Time between two looks at a child's memory and clock."""
_FORK = multiprocessing.get_context("fork")


def main(descriptor: int) -> None:
    """Serve trials to whoever holds the other end of ``descriptor``, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this decides when to stop
    owner = Connection(descriptor)
    try:
        _serve(owner)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the owner is gone


def _serve(owner: Connection) -> None:
    search_path, pickled, folder, moved_to = owner.recv()
    sys.path[:] = search_path
    try:
        world = pickle.loads(pickled)
        work: Work = (world if moved_to is None else world.moved(moved_to)).open()
    except SmnasError as error:
        owner.send(error)
        return
    gc.collect()
    gc.freeze()  # so that no child copies what it only shares
    owner.send(None)
    while True:
        order: Order = owner.recv()
        _Attempt(work, folder, order, owner).run()


class _Attempt:
    """One child and what becomes of it."""

    def __init__(self, work: Work, folder: Path, order: Order, owner: Connection) -> None:
        self._limits = order.limits
        self._owner = owner
        self._last = Progress("build", 0.0, "starting")
        self._kills_before = system_kills()
        self._began = time.monotonic()
        self._pipe, theirs = _FORK.Pipe(duplex=False)
        self._child = _FORK.Process(
            target=run_child, args=(work, folder, order, theirs, (self._pipe, owner), os.getpid())
        )
        self._child.start()
        theirs.close()

    def run(self) -> None:
        """Pass on what the child says, and how it ended; no process of it is left then."""
        try:
            self._owner.send(self._child.pid)
            end = self._watch()
        finally:
            kill_group(self._child.pid)
            self._child.join()
            self._pipe.close()
        self._owner.send(end or self._explain_death())

    def _watch(self) -> Event | None:
        """Return the end that the child tells, or that it is put to; None where it just died."""
        while True:
            for ready in wait([self._pipe, self._owner], timeout=TICK_S):
                if ready is self._owner:
                    self._owner.recv()  # Nothing is sent meanwhile: its end raises EOFError.
                try:
                    event: Event = self._pipe.recv()
                except (EOFError, OSError):
                    return None
                if not isinstance(event, Progress):
                    return self._placed(event)
                self._last = event
                self._owner.send(event)
            excess = self._excess()
            if excess is not None:
                return excess

    def _excess(self) -> Fault | None:
        """Return the limit that the child has overstepped."""
        seconds, memory = self._limits.seconds, self._limits.memory_mib
        if seconds is not None and time.monotonic() - self._began > seconds:
            return self._fault("hung", f"ran longer than its limit of {seconds:g} s")
        used = None if memory is None else memory_mib(self._child.pid)
        if used is not None and memory is not None and used > memory:
            return self._fault("memory", f"used {used:.0f} MiB, more than its limit {memory:.0f}")
        return None

    def _explain_death(self) -> Fault:
        code = self._child.exitcode
        if code == -signal.SIGKILL:
            if system_kills() > self._kills_before:
                return self._fault("memory", "the system ran out of memory and killed it")
            return self._fault("killed", "its process was killed from outside")
        if code is not None and code < 0:
            return self._fault("crashed", f"its process died of {signal.Signals(-code).name}")
        return self._fault("crashed", f"its process ended with exit code {code}")

    def _placed(self, event: Event) -> Event:
        """Return ``event``; a fault of the child's own gets the stage, which only we know."""
        return self._fault(event.kind, event.reason) if isinstance(event, Fault) else event

    def _fault(self, kind: FaultKind, reason: str) -> Fault:
        return Fault(kind, self._last.stage, reason)


if __name__ == "__main__":
    main(int(sys.argv[1]))
