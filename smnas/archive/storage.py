"""Where an archive's tables are, and what its failures mean to a person."""

import errno
import logging
import shutil
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, IntegrityError

from smnas.errors import ArchiveError, RunBusyError, StorageFullError

_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_FULL_SQLSTATE = "53100"
_LEAST_FREE_BYTES = 2**20
"""With less room than this a failed read or write of SQLite is put down to a full disk."""
PATIENCE_S = 3600.0
"""How long a driver waits for a database server that has gone away."""
_LONGEST_WAIT_S = 10.0
_log = logging.getLogger("smnas.archive")


class Storage:
    """The tables of one run behind an engine."""

    def __init__(self, folder: Path, engine: Engine, name: str) -> None:
        """Take what the archive is made of.

        Args:
            folder: The run folder.
            engine: Connects to the tables.
            name: What messages call the archive: its file, or its address without a password.
        """
        self.folder, self.engine, self.name = folder, engine, name
        self.patience_s = PATIENCE_S

    def close(self) -> None:
        """Let go of file or server."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Return a connection that sees the tables as they are at one moment.

        Raises:
            ArchiveError: No archive, a damaged one, or no server.
        """
        with self._explained(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    def commit(
        self, write: Callable[[Connection], object], is_there: Callable[[Connection], bool]
    ) -> None:
        """Let ``write`` add its rows; they are on disk when this returns.

        A server that goes away is waited for. It may have kept what it did not confirm, so that
        before another attempt ``is_there`` is asked.

        Raises:
            StorageFullError: No room on the disk; nothing was recorded.
            ArchiveError: Another process has written, or the server stays away.
        """
        outage = _Outage(self.name, self.patience_s)
        with self._explained():
            while True:
                try:
                    with self.engine.begin() as connection:
                        if not (outage.began and is_there(connection)):
                            write(connection)
                except (DatabaseError, RunBusyError) as error:
                    if not (_is_away(error) or (outage.began and isinstance(error, RunBusyError))):
                        raise
                    outage.wait(error)
                else:
                    return outage.end()

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Turn a database error inside the block into one that says what to do."""
        try:
            yield
        except IntegrityError as error:
            raise ArchiveError(
                f"{self.name}: another process has written to this run; let only one search write "
                "to a run folder"
            ) from error
        except DatabaseError as error:
            if _means_full(error.orig, self.folder):
                raise storage_full(self.name) from error
            if _is_away(error):
                raise ArchiveError(
                    f"{self.name}: the server does not answer ({_one_line(error)}); start it, or "
                    "check address, name and password; all that was recorded is kept"
                ) from error
            raise ArchiveError(
                f"{self.name}: no archive that can be used ({_one_line(error)}); it may be "
                "half-written or damaged: put a whole copy in its place, or name another folder"
            ) from error


class _Outage:
    """The time during which a server is away."""

    def __init__(self, name: str, patience_s: float) -> None:
        self.began = 0.0
        """When it began by the monotonic clock; 0 where there is none."""
        self._name, self._patience_s, self._pause_s = name, patience_s, 0.25

    def wait(self, error: Exception) -> None:
        """Wait a little longer than the last time, or raise ``error`` where patience is over."""
        if not self.began:
            self.began = time.monotonic()
            _log.warning("%s: lost (%s); waiting for it", self._name, _one_line(error))
        if time.monotonic() - self.began > self._patience_s:
            raise error
        time.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_WAIT_S)

    def end(self) -> None:
        if self.began:
            seconds = time.monotonic() - self.began
            _log.warning("%s: is there again after %.0f s; nothing is lost", self._name, seconds)


@contextmanager
def room_on_disk(folder: Path) -> Generator[None]:
    """Turn an ``OSError`` that means "no room" inside the block into ``StorageFullError``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_ERRNOS:
            raise storage_full(folder) from error
        raise


def storage_full(place: Path | str) -> StorageFullError:
    """Return the error for a full disk: what is kept, and what to do."""
    return StorageFullError(
        f"{place}: the disk is full. All finished trials are kept; make room and give the same "
        "command again: the search goes on with the trial that was interrupted"
    )


def _means_full(cause: BaseException | None, folder: Path) -> bool:
    """Return whether a database failed for want of room; SQLite's log only says I/O failed."""
    if getattr(cause, "sqlstate", None) == _FULL_SQLSTATE:
        return True
    primary = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and folder.is_dir():
        return shutil.disk_usage(folder).free < _LEAST_FREE_BYTES
    return primary == sqlite3.SQLITE_FULL


def _is_away(error: Exception) -> bool:
    """Return whether a server cannot be reached, is going down or coming up."""
    cause = error.orig if isinstance(error, DatabaseError) else None
    if cause is None or isinstance(cause, sqlite3.Error):
        return False
    state = getattr(cause, "sqlstate", None)
    return type(cause).__name__ == "OperationalError" if state is None else state[:3] in _AWAY


_AWAY = ("57P", "080")
"""SQLSTATEs of a server that shuts down or starts, and of a lost connection."""


def _one_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, DatabaseError) else error
    return " ".join(str(cause).split())
