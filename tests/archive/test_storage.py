"""What can befall the file of an archive: cut short, of another version, no room, a kill."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from smnas.archive.archive import Archive
from smnas.archive.sqlite import FILE_NAME
from smnas.archive.storage import room_on_disk
from smnas.errors import ArchiveError, StorageFullError

WRITER = """
import sys
from pathlib import Path
from smnas.archive.archive import Archive
from smnas.trial.trial import Outcome, Proposal

folder, proposal, outcome = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
archive = Archive.drive(folder)
while True:
    trial = archive.start(Proposal.model_validate_json(proposal))
    print("started", trial.number, flush=True)
    archive.record(trial.number, Outcome.model_validate_json(outcome))
    print("recorded", trial.number, flush=True)
"""


def test_folder_without_archive_is_no_run_folder(tmp_path):
    with pytest.raises(ArchiveError, match=r"holds no archive\.sqlite: not a run folder"):
        Archive.open(tmp_path)
    with pytest.raises(ArchiveError, match="is no folder"):
        Archive.open(tmp_path / "nowhere")


def test_archive_is_never_overwritten(folder, header):
    Archive.create(folder, header).close()
    with pytest.raises(ArchiveError, match="there is an archive already"):
        Archive.create(folder, header)


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be read as one"])
def test_file_that_is_no_archive(folder, content):
    folder.mkdir(parents=True)
    (folder / FILE_NAME).write_bytes(content)
    with pytest.raises(ArchiveError, match=f"{FILE_NAME}.*(half-written|no archive)"):
        Archive.open(folder)


def test_file_cut_short(folder, header, make_proposal):
    archive = Archive.create(folder, header)
    for index in range(50):
        archive.start(make_proposal(index))
    archive.close()
    path = folder / FILE_NAME
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ArchiveError, match="half-written or damaged"):
        Archive.open(folder)


def test_leftovers_of_a_creation_that_was_killed_are_no_obstacle(folder, header):
    folder.mkdir(parents=True)
    (folder / (FILE_NAME + ".part")).write_bytes(b"half")
    (folder / (FILE_NAME + ".part-journal")).write_bytes(b"half")
    Archive.create(folder, header).close()
    assert Archive.open(folder).header == header


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE run SET format = 99", "another version of smnas .archive format 99"),
        ("UPDATE run SET header = '{\"new\": 1}'", "header does not read"),
        ("DELETE FROM run", "half-written"),
        ("DROP TABLE run", "half-written"),
        ("UPDATE trials SET arch = 'a/new/kind/of/arch'", "trial 0 does not read"),
    ],
)
def test_archive_of_another_version(folder, header, make_proposal, statement, message):
    archive = Archive.create(folder, header)
    archive.start(make_proposal())
    archive.close()
    with sqlite3.connect(folder / FILE_NAME) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(ArchiveError, match=message):
        Archive.open(folder)


def test_full_disk_keeps_what_is_recorded(folder, header, make_proposal, outcome):
    archive = Archive.create(folder, header)
    with archive._storage.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 40")  # SQLite then says "disk is full"

    def fill() -> None:
        while True:
            archive.record(archive.start(make_proposal(len(archive.trials()))).number, outcome)

    with pytest.raises(StorageFullError, match="All finished trials are kept; make room"):
        fill()
    kept = archive.trials()
    archive.close()
    again = Archive.drive(folder)
    assert len(kept) > 5
    assert again.trials() == kept
    again.start(make_proposal())  # there is room again
    again.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_for_files(tmp_path, code):
    with pytest.raises(StorageFullError, match="disk is full"), room_on_disk(tmp_path):
        raise OSError(code, os.strerror(code))


def test_other_file_errors_stay_what_they_are(tmp_path):
    with pytest.raises(PermissionError), room_on_disk(tmp_path):
        raise PermissionError(errno.EACCES, "no")


@pytest.mark.parametrize("lines", [1, 8, 21])
def test_writer_killed_at_any_moment_loses_nothing(folder, header, make_proposal, outcome, lines):
    Archive.create(folder, header).close()
    proposal, result = make_proposal().model_dump_json(), outcome.model_dump_json()
    command = [sys.executable, "-c", WRITER, str(folder), proposal, result]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().split() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        said += [line.split() for line in writer.stdout]
    archive = Archive.open(folder)
    started = {int(number) for word, number in said if word == "started"}
    recorded = {int(number) for word, number in said if word == "recorded"}
    known = {trial.number for trial in archive.trials()}
    finished = {trial.number for trial in archive.trials() if trial.outcome == outcome}
    assert started <= known <= started | {len(started)}
    assert recorded <= finished <= recorded | {len(recorded)}
    assert len(archive.unfinished()) <= 1
