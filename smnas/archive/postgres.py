"""An archive in a PostgreSQL database: each run has a schema, the run folder says which.

The only file that knows psycopg.
"""

import re
import uuid
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from smnas.archive.driver_lock import Holder
from smnas.archive.header import RunHeader
from smnas.archive.storage import Storage, room_on_disk
from smnas.archive.tables import create_tables
from smnas.errors import ArchiveError, ConfigError, RunBusyError

POINTER_NAME = "archive.json"
_EXAMPLE = "postgresql://USER@HOST:5432/DATABASE"
_LONGEST_NAME = 63
"""Bytes of an application's name in PostgreSQL."""
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
_HOLDER = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND (classid::bigint << 32 | objid::bigint) = hashtextextended(%s, 0)
"""


class Pointer(BaseModel):
    """What the run folder knows of its archive elsewhere; never a password."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    tables: str
    """The schema that holds the run's tables."""

    @property
    def name(self) -> str:
        """What messages call the archive."""
        return f"{self.url} ({self.tables})"


def read_url(storage: str) -> URL:
    """Return the address that ``--storage`` names.

    Raises:
        ConfigError: Not the address of a PostgreSQL database.
    """
    try:
        url = make_url(storage)
    except ArgumentError:
        url = None
    if url is None or url.drivername.partition("+")[0] not in ("postgresql", "postgres"):
        raise ConfigError(
            f"storage: expected {_EXAMPLE}, or nothing for a file in the run folder; "
            f"got {url.render_as_string() if url else storage.rpartition('@')[2]!r}"
        )
    return url.set(drivername="postgresql+psycopg")


def without_password(url: URL) -> str:
    """Return the address as it may be written down."""
    query = {key: value for key, value in url.query.items() if key != "password"}
    bare = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    return bare.render_as_string()


def create_schema(folder: Path, header: RunHeader, storage: str) -> None:
    """Make a new archive for ``folder`` in a database, whole or not at all.

    The folder points to it once it is whole. A kill in between leaves tables that nobody knows.

    Raises:
        ConfigError: Not the address of a PostgreSQL database, or psycopg is not installed.
        ArchiveError: No such server or database, or no right to make a schema in it.
        StorageFullError: No room on the disk.
    """
    url = read_url(storage)
    word = re.sub("[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_")[:40]
    tables = f"smnas_{word}_{uuid.uuid4().hex[:8]}"
    pointer = Pointer(url=without_password(url), tables=tables)
    place = Storage(folder, _make_engine(url, tables, None), pointer.name)
    place.patience_s = 0.0

    def write(connection: Any) -> None:
        connection.execute(text(f'CREATE SCHEMA "{tables}"'))
        create_tables(connection, header)

    place.commit(write, lambda _: False)
    place.close()
    with room_on_disk(folder):
        part = folder / (POINTER_NAME + ".part")
        part.write_text(pointer.model_dump_json(indent=2) + "\n", encoding="utf-8")
        part.replace(folder / POINTER_NAME)


def open_schema(folder: Path, storage: str | None, driver: Holder | None) -> Storage:
    """Return the storage that ``folder`` points to.

    Args:
        folder: The run folder, which has a pointer.
        storage: The address with its password, where the user names one.
        driver: Who is going to write; None: nobody, it is only read.

    Raises:
        ArchiveError: A pointer that does not read.
        ConfigError: Another address than the folder's, or psycopg is not installed.
    """
    path = folder / POINTER_NAME
    try:
        pointer = Pointer.model_validate_json(path.read_bytes())
        url = read_url(pointer.url)
    except (ValidationError, ConfigError) as error:
        raise ArchiveError(f"{path}: expected the address of the run's archive: {error}") from None
    if storage is not None:
        url = read_url(storage)
        if without_password(url) != pointer.url:
            raise ConfigError(
                f"storage: the archive of {folder} is at {pointer.url}; "
                f"got {without_password(url)}: leave it out, or name another folder"
            )
    return Storage(folder, _make_engine(url, pointer.tables, driver), pointer.name)


def _make_engine(url: URL, tables: str, driver: Holder | None) -> Engine:
    """Return the engine whose connections work in the schema ``tables``.

    A driver has one connection, which holds the run's advisory lock; where it is lost, the next one
    takes the lock again before it writes.
    """
    if find_spec("psycopg") is None:
        raise ConfigError(
            "storage: PostgreSQL needs a package that is not installed: pip install "
            "'smnas[postgres]'"
        )
    name = str(driver or Holder.here()).encode("ascii", "replace").decode()[:_LONGEST_NAME]
    arguments = {"options": f"-csearch_path={tables}", "application_name": name}
    if driver is None:
        return create_engine(url, connect_args=arguments, pool_pre_ping=True)
    engine = create_engine(
        url, connect_args=arguments, pool_pre_ping=True, pool_size=1, max_overflow=0
    )

    def take_lock(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            taken = cursor.execute(_LOCK, (tables,)).fetchone()[0]
            holder = None if taken else cursor.execute(_HOLDER, (tables,)).fetchone()
        connection.commit()
        if not taken:
            connection.close()
            raise RunBusyError.held_by(tables, holder[0] if holder else "another process")

    event.listen(engine, "connect", take_lock)
    return engine
