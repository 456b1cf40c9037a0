"""A quiet machine while times are taken: trials that run beside each other stand still meanwhile.

Two locks of the operating system, shared by all processes on a machine that use one cache folder,
whichever search they belong to. Whoever works holds ``at work`` together with the others. Whoever
takes times closes ``the door``, so that nobody who has left comes back, and waits until the others
have left, which they do at their next look. A process that dies, however it does, leaves no lock.
"""

import fcntl
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from smnas.data.cache import cache_folder

PATIENCE_S = 60.0
"""So long others are waited for; then times are taken beside them, and say so if it shows."""
_LOOK_S = 0.02


class SharedMachine:
    """A process that works on this machine, as a context.

    Args:
        folder: Where the locks lie; None: in the cache folder, apart for each machine.
        patience_s: So long others are waited for.
    """

    def __init__(self, folder: Path | None = None, patience_s: float = PATIENCE_S) -> None:
        self._folder = folder or cache_folder() / "quiet" / socket.gethostname()
        self._patience_s = patience_s

    def __enter__(self) -> Self:
        """Begin to work, as soon as nobody takes times."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._door, self._at_work = (
            os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            for name in ("door.lock", "at-work.lock")
        )
        self._go_in()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave."""
        os.close(self._at_work)
        os.close(self._door)

    def give_way(self) -> None:
        """Stand still while somebody takes times; costs next to nothing while nobody does."""
        try:
            fcntl.flock(self._door, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._at_work, fcntl.LOCK_UN)
            self._go_in()
        else:
            fcntl.flock(self._door, fcntl.LOCK_UN)

    @contextmanager
    def alone(self) -> Generator[None]:
        """Take times inside the block, while the others stand still."""
        fcntl.flock(self._at_work, fcntl.LOCK_UN)  # or two of us would wait for each other
        fcntl.flock(self._door, fcntl.LOCK_EX)
        try:
            self._wait_for_the_others()
            yield
        finally:
            fcntl.flock(self._at_work, fcntl.LOCK_SH)
            fcntl.flock(self._door, fcntl.LOCK_UN)

    def _go_in(self) -> None:
        """Wait at the door until it is open, then work."""
        fcntl.flock(self._door, fcntl.LOCK_SH)
        fcntl.flock(self._at_work, fcntl.LOCK_SH)
        fcntl.flock(self._door, fcntl.LOCK_UN)

    def _wait_for_the_others(self) -> None:
        until = time.monotonic() + self._patience_s
        while time.monotonic() < until:
            try:
                fcntl.flock(self._at_work, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_LOOK_S)
            else:
                return
