"""One place for trials on this machine: it keeps a nest, and starts another when one is gone."""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Self

from smnas.errors import SmnasError
from smnas.execution.process import kill_group, usable_memory_mib
from smnas.execution.work import Event, Fault, Order, Progress, World

_LAST_WORDS_BYTES = 4000
_FOR_TRIALS = 0.9
"""Share of a machine's memory that trials may use."""


class Slot:
    """Runs one attempt at a time, each in a child process of its own.

    Args:
        world: What the trials share, pickled; it is built once, when the first of them begins.
        folder: What trials leave behind is written under it.
        machine_share: Share of this machine's memory that a trial may use where nothing else is
            said.
    """

    def __init__(self, world: bytes, folder: Path, machine_share: float = 1.0) -> None:
        self._world = world
        self._folder = folder
        self._memory_mib = _spare_of_all(machine_share)
        self._moved_to: Path | None = None
        self._nest: _Nest | None = None
        self._killed = False

    @classmethod
    def of(cls, world: World, folder: Path, machine_share: float = 1.0) -> Self:
        """Return a slot on this machine; by default it has the machine for itself."""
        return cls(pickle.dumps(world), folder, machine_share)

    def move(self, folder: Path) -> None:
        """Have what the trials share read its data from ``folder``."""
        self._moved_to = folder

    def open(self) -> "_Nest":
        """Build what the trials share, if that has not been done.

        Raises:
            SmnasError: It cannot be built.
        """
        if self._nest is not None:
            return self._nest
        self._nest = nest = _Nest()
        if self._killed:
            nest.kill()
        try:
            nest.build(self._world, self._folder, self._moved_to)
        except BaseException:
            self.close()
            raise
        return nest

    def run(self, order: Order) -> Iterator[Event]:
        """Yield what happens, to the end of the attempt; leaving early kills it.

        Raises:
            SmnasError: What the trials share cannot be built.
        """
        nest = self.open()
        limits = order.limits
        if limits.memory_mib is None:
            order = replace(order, limits=replace(limits, memory_mib=self._memory_mib))
        try:
            yield from nest.attempt(order)
        finally:
            if not nest.is_idle:
                self.close()

    def kill(self) -> None:
        """Have what runs end now, for good (see ``TrialSlot``)."""
        self._killed, nest = True, self._nest
        if nest is not None:
            nest.kill()

    def close(self) -> None:
        """Stop what runs; no process is left."""
        if self._nest is not None:
            self._nest.close()
            self._nest = None


def _spare_of_all(share: float) -> float | None:
    """Return so much of this machine's memory that the system keeps some; None where unknown."""
    memory_mib = usable_memory_mib()
    return None if memory_mib is None else _FOR_TRIALS * share * memory_mib


class _Nest:
    """The process of ``nest.py``, as its owner sees it."""

    def __init__(self) -> None:
        self.is_idle = False
        """Whether it waits for an order; False also where it is gone."""
        self._child: int | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "smnas.execution.nest", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in the terminal is for the owner alone
                # OpenBLAS starts its threads when it is loaded, and a fork should find none.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )

    def build(self, world: bytes, folder: Path, moved_to: Path | None) -> None:
        """Have it build ``world``.

        Raises:
            SmnasError: It cannot be built.
        """
        try:
            self._pipe.send((sys.path, world, folder, moved_to))
            answer: object = self._pipe.recv()
        except (EOFError, OSError):
            raise SmnasError(
                f"the process that trials are started from has ended: {self._last_words(0)}"
            ) from None
        if isinstance(answer, SmnasError):
            raise answer
        self.is_idle = True

    def attempt(self, order: Order) -> Iterator[Event]:
        """Yield what happens to the end of the attempt."""
        self.is_idle = False
        said_before = os.fstat(self._said.fileno()).st_size
        last: Event = Progress("build", 0.0, "starting")
        try:
            self._pipe.send(order)
            self._child = self._pipe.recv()
            while isinstance(last, Progress):
                yield last
                last = self._pipe.recv()
        except (EOFError, OSError):
            stage = last.stage if isinstance(last, Progress) else "build"
            yield Fault("killed", stage, "the process that had started it was killed")
            return
        self.is_idle, self._child = True, None
        if isinstance(last, Fault) and last.kind == "crashed":
            words = self._last_words(said_before)
            last = replace(last, reason=f"{last.reason}: {words}" if words else last.reason)
        yield last

    def kill(self) -> None:
        """End it and the child that it may have, while another thread may be listening to it."""
        kill_group(self._child)
        self._process.kill()

    def close(self) -> None:
        """End it, and leave nothing behind."""
        self.is_idle = False
        self.kill()
        self._pipe.close()
        self._process.wait()
        self._said.close()

    def _last_words(self, since: int) -> str:
        """Return the last line that was said to standard error, that of the error itself."""
        size = os.fstat(self._said.fileno()).st_size
        start = max(since, size - _LAST_WORDS_BYTES)
        text = os.pread(self._said.fileno(), _LAST_WORDS_BYTES, start).decode(errors="replace")
        lines = [line for line in text.splitlines() if line and not line.startswith(" ")]
        return lines[-1] if lines else ""
