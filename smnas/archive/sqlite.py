"""An archive in one file of the run folder."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from smnas.archive.header import RunHeader
from smnas.archive.storage import Storage
from smnas.archive.tables import create_tables

FILE_NAME = "archive.sqlite"
_PRAGMAS = ("busy_timeout=30000", "synchronous=FULL", "foreign_keys=ON")


def create_file(folder: Path, header: RunHeader) -> None:
    """Make a new archive in ``folder``; its file appears whole or not at all.

    Raises:
        StorageFullError: No room on the disk.
    """
    part = folder / (FILE_NAME + ".part")
    for leftover in folder.glob(part.name + "*"):
        leftover.unlink()
    storage = Storage(folder, _make_engine(part, "DELETE"), str(folder / FILE_NAME))
    storage.commit(lambda connection: create_tables(connection, header), lambda _: False)
    storage.close()
    os.replace(part, folder / FILE_NAME)


def open_file(folder: Path) -> Storage:
    """Return the storage in the archive's file, which is there."""
    path = folder / FILE_NAME
    return Storage(folder, _make_engine(path, "WAL"), str(path))


def _make_engine(path: Path, journal: str) -> Engine:
    """Return the engine of a file.

    Every commit is on the disk when it returns (``synchronous=FULL``).

    Args:
        path: The file.
        journal: ``WAL``: readers do not stop the writer, so that a report can be made while a
            search runs. ``DELETE``: the file alone is whole after every commit and can be moved.
    """
    engine = create_engine(f"sqlite:///{path}")

    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN leaves reading and DDL out
        for pragma in (*_PRAGMAS, f"journal_mode={journal}"):
            connection.execute(f"PRAGMA {pragma}").close()

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)
    return engine
