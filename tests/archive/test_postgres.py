"""What can befall an archive in PostgreSQL: a restart, another driver, a wrong address."""

import logging
import shutil
import threading
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

from smnas.archive import postgres as module
from smnas.archive.archive import Archive
from smnas.archive.postgres import POINTER_NAME
from smnas.errors import ArchiveError, ConfigError, RunBusyError, StorageFullError


@pytest.fixture
def archive(postgres, folder, header):
    made = Archive.create(folder, header, postgres.url)
    yield made
    made.close()


def read(folder: Path) -> Archive:
    archive = Archive.open(folder)
    archive.close()
    return archive


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_restart_of_the_server_loses_nothing(
    postgres, archive, make_proposal, outcome, measured, caplog, how
):
    archive.record(archive.start(make_proposal(0)).number, outcome)
    archive.start(make_proposal(1))
    caplog.set_level(logging.WARNING, "smnas.archive")
    postgres.stop(how)
    later = threading.Timer(0.6, postgres.start)
    later.start()
    archive.record(1, outcome)
    later.join()
    archive.add(1, [measured(0.5, "ap", "test")])
    assert read(archive.folder).trials() == archive.trials()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "waiting for it" in said[0]
    assert "is there again after" in said[1]
    with pytest.raises(RunBusyError):  # the lock was taken again with the new connection
        Archive.drive(copy_of(archive))


def test_what_the_server_kept_without_saying_so_is_not_written_twice(
    archive, make_proposal, outcome, measured, monkeypatch
):
    """The connection breaks after each commit, before its confirmation arrives."""
    number = archive.start(make_proposal(0)).number
    dialect = archive._storage.engine.dialect
    broken: list[str] = []

    def commit(connection):
        connection.commit()
        if len(broken) % 2 == 0:
            broken.append("before")
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        broken.append("after")

    monkeypatch.setattr(dialect, "do_commit", commit)
    archive.record(number, outcome)
    archive.add(number, [measured(0.5, "ap", "test")])
    archive.start(make_proposal(1))
    archive.continue_as(archive.header.model_copy(update={"notes": ("more",)}))
    monkeypatch.undo()
    assert broken == ["before", "after"] * 4
    again = read(archive.folder)
    assert again.trials() == archive.trials()
    assert len(again.trials()[0].later) == 1
    assert again.header == archive.header


def copy_of(archive: Archive) -> Path:
    folder = archive.folder.with_name("copy")
    shutil.copytree(archive.folder, folder)
    return folder


def test_second_driver_on_a_copied_folder_is_refused(archive):
    with pytest.raises(RunBusyError, match=r"in use by process \d+ on .* since 20"):
        Archive.drive(copy_of(archive))
    archive.close()
    Archive.drive(archive.folder).close()


def test_server_that_stays_away(postgres, archive, make_proposal):
    archive._storage.patience_s = 0.3
    postgres.stop()
    try:
        with pytest.raises(ArchiveError, match=r"the server does not answer .* is kept"):
            archive.start(make_proposal(0))
        with pytest.raises(ArchiveError, match="the server does not answer"):
            Archive.open(archive.folder)
    finally:
        postgres.start()
    archive.start(make_proposal(0))
    assert len(archive.trials()) == 1


def test_full_disk_of_the_server(archive, make_proposal, monkeypatch):
    import psycopg

    def fail(*_):
        raise psycopg.errors.DiskFull('could not extend file "base/5": No space left on device')

    engine = archive._storage.engine
    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(StorageFullError, match="All finished trials are kept"):
        archive.start(make_proposal(0))
    event.remove(engine, "before_cursor_execute", fail)
    archive.start(make_proposal(0))


def test_password_is_never_written_down(postgres, folder, header):
    secret = postgres.url.replace("smnas@", "smnas:hush@")
    archive = Archive.create(folder, header, secret + "&password=hush")
    archive.close()
    assert "hush" not in (folder / POINTER_NAME).read_text()
    Archive.drive(folder, secret).close()  # and is no other address
    with pytest.raises(ConfigError, match=r"the archive of .* is at postgresql") as caught:
        Archive.drive(folder, secret.replace("/postgres?", "/other?"))
    assert "hush" not in str(caught.value)


def test_runs_in_one_database_are_apart(postgres, tmp_path, header, make_proposal):
    archives = [Archive.create(tmp_path / name, header, postgres.url) for name in ("a", "B 2 ü")]
    archives[0].start(make_proposal(0))
    assert [len(read(a.folder).trials()) for a in archives] == [1, 0]
    for archive in archives:
        archive.close()


@pytest.mark.parametrize("storage", ["mysql://u:hush@h/d", "archive.sqlite", "postgresql:/", ""])
def test_other_addresses_are_refused(folder, header, storage):
    with pytest.raises(ConfigError, match="storage: expected postgresql://") as caught:
        Archive.create(folder, header, storage)
    assert "hush" not in str(caught.value)
    Archive.create(folder, header).close()  # nothing is in the way
    with pytest.raises(ConfigError, match=r"is the file archive\.sqlite in it"):
        Archive.drive(folder, "postgresql://u@h/d")


def test_no_server_at_the_address(folder, header):
    started = time.monotonic()
    with pytest.raises(ArchiveError, match="the server does not answer"):
        Archive.create(folder, header, f"postgresql://u@/d?host={folder}")
    assert time.monotonic() - started < 5
    assert not Archive.is_in(folder)


def test_pointer_that_does_not_read(folder):
    folder.mkdir(parents=True)
    (folder / POINTER_NAME).write_text("{}")
    with pytest.raises(ArchiveError, match=r"archive\.json: expected the address"):
        Archive.open(folder)


def test_missing_extra_is_named(folder, header, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'smnas\[postgres\]'"):
        Archive.create(folder, header, "postgresql://u@h/d")
