"""A folder for the life of a process, which the next one removes where a kill left it behind."""

import fcntl
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_PREFIX = "smnas-worker-"
_BEGINNING_S = 3600.0
"""A folder without a lock is being made right now, or was left so long ago."""


class TemporaryHome:
    """A new temporary folder, in ``folder``; those of killed processes are removed first.

    Each is locked by a file beside it, whose lock the system gives up with the process.
    """

    def __init__(self) -> None:
        remove_abandoned(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._path = _lock_of(self.folder)
        self._lock = self._path.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._path.unlink(missing_ok=True)
        self._lock.close()


def remove_abandoned(parent: Path) -> None:
    """Remove the folders in ``parent`` whose processes are gone."""
    for folder in parent.glob(f"{_PREFIX}*/"):
        with suppress(OSError):  # another user's, or removed by another process meanwhile
            _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    lock = _lock_of(folder)
    if not lock.exists():
        if time.time() - folder.stat().st_mtime > _BEGINNING_S:
            shutil.rmtree(folder)
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where it is held
        shutil.rmtree(folder)
        lock.unlink()


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
