"""Where an archive's tables live, and what its failures mean to a person."""

import errno
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, IntegrityError

from smnas.errors import ArchiveError, StorageFullError

FILE_NAME = "archive.sqlite"
_PRAGMAS = ("busy_timeout=30000", "synchronous=FULL", "foreign_keys=ON")
_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_LEAST_FREE_BYTES = 2**20
"""With less room than this a failed read or write of SQLite is put down to a full disk."""


def make_engine(url: str, *, one_file: bool = False) -> Engine:
    """Return the engine behind ``url``: the one place that knows the database.

    On SQLite every commit is on the disk when it returns (``synchronous=FULL``), and readers do
    not stop the writer (write-ahead log), so that a report can be made while a search runs.

    Args:
        url: As SQLAlchemy takes it.
        one_file: On SQLite: keep no write-ahead log, so that the file alone is whole after every
            commit and can be moved.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        journal = "DELETE" if one_file else "WAL"

        def set_pragmas(connection: sqlite3.Connection, _record: Any) -> None:
            for pragma in (*_PRAGMAS, f"journal_mode={journal}"):
                connection.execute(f"PRAGMA {pragma}")

        event.listen(engine, "connect", set_pragmas)
    return engine


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path}"


@contextmanager
def explained(folder: Path) -> Generator[None]:
    """Turn a database error inside the block into one that says what to do.

    Raises:
        StorageFullError: No room on the disk.
        ArchiveError: A file that is no archive, or is damaged.
    """
    try:
        yield
    except IntegrityError as error:
        raise ArchiveError(
            f"{folder / FILE_NAME}: another process has written to this run; let only one "
            "search write to a run folder"
        ) from error
    except DatabaseError as error:
        if _means_full(error.orig, folder):
            raise storage_full(folder) from error
        raise ArchiveError(
            f"{folder / FILE_NAME}: no archive that can be used ({error.orig}); it may be "
            "half-written or damaged: put a whole copy in its place, or name another folder"
        ) from error


@contextmanager
def room_on_disk(folder: Path) -> Generator[None]:
    """Turn an ``OSError`` that means "no room" inside the block into ``StorageFullError``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_ERRNOS:
            raise storage_full(folder) from error
        raise


def storage_full(folder: Path) -> StorageFullError:
    """Return the error for a full disk: what is kept, and what to do."""
    return StorageFullError(
        f"{folder}: the disk is full. All finished trials are kept; make room and give the same "
        "command again: the search goes on with the trial that was interrupted"
    )


def _means_full(cause: BaseException | None, folder: Path) -> bool:
    """Return whether SQLite failed for want of room; for its log it only says that I/O failed."""
    primary = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and folder.is_dir():
        return shutil.disk_usage(folder).free < _LEAST_FREE_BYTES
    return primary == sqlite3.SQLITE_FULL
