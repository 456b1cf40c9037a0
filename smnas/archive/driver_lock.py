"""One driver per run folder: the second is refused at once, and told who holds it."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from smnas.archive.storage import room_on_disk
from smnas.errors import RunBusyError

LOCK_NAME = "driver.lock"
HOLDER_NAME = "driver.json"


class Holder(BaseModel):
    """Who writes to a run, for people to find."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: str
    pid: int
    since: str
    """ISO 8601, UTC; nothing is decided by it."""

    @classmethod
    def here(cls) -> Self:
        """Return this process, from now on."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(host=socket.gethostname(), pid=os.getpid(), since=now)

    def __str__(self) -> str:
        """Return it in words."""
        return f"process {self.pid} on {self.host} since {self.since}"


class DriverLock:
    """Held as long as this process lives, or until it is released.

    The system lets go of it when the process ends, however it ends: a lock that a dead driver left
    is free.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock of ``folder``, which is there.

        Raises:
            RunBusyError: Another driver holds it; the message says which.
            StorageFullError: No room on the disk.
        """
        self.holder = Holder.here()
        self._path = folder / HOLDER_NAME
        self._lock = FileLock(folder / LOCK_NAME, thread_local=False)
        with room_on_disk(folder):
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise RunBusyError.held_by(str(folder), _read_holder(self._path)) from None
            self._path.write_text(self.holder.model_dump_json() + "\n", encoding="utf-8")

    def release(self) -> None:
        """Let another driver have the folder."""
        if self._lock.is_locked:
            self._path.unlink(missing_ok=True)
            self._lock.release()


def check_free(folder: Path) -> None:
    """Make sure that no driver is at work in ``folder``, before work is done that needs it.

    Raises:
        RunBusyError: One is.
    """
    if (folder / LOCK_NAME).exists():
        DriverLock(folder).release()


def _read_holder(path: Path) -> str:
    try:
        return str(Holder.model_validate_json(path.read_bytes()))
    except (OSError, ValidationError):
        return "another process"  # it has not said yet who it is
