"""Two drivers on one run: in other processes, with one of them dead."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smnas.archive.archive import Archive
from smnas.archive.driver_lock import HOLDER_NAME, DriverLock
from smnas.errors import RunBusyError

ROOT = Path(__file__).parents[2]
HOLD = """
import os, sys
from pathlib import Path
from smnas.archive.archive import Archive
archive = Archive.drive(Path(sys.argv[1]))
forked = os.fork() if len(sys.argv) > 2 else 0
if not forked:  # a child says it, which has then had the time to close what it inherited
    print("held", flush=True)
sys.stdin.read()
"""


def hold(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_another_process_is_named_and_its_death_frees_the_run(folder, header):
    Archive.create(folder, header).close()
    with hold(folder) as holder:
        with pytest.raises(RunBusyError, match=f"in use by process {holder.pid} on .* since 20"):
            Archive.drive(folder)
        assert Archive.open(folder).header == header  # reading disturbs nobody
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert (folder / HOLDER_NAME).exists()  # what the dead one left
        archive = Archive.drive(folder)
    assert f'"pid":{os.getpid()}' in (folder / HOLDER_NAME).read_text()
    archive.close()
    assert not (folder / HOLDER_NAME).exists()


def test_child_of_a_dead_driver_does_not_hold_its_run(folder, header):
    Archive.create(folder, header).close()
    with hold(folder, "fork") as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        Archive.drive(folder).close()  # the child lives until its input ends


def test_holder_that_has_not_said_who_it_is(tmp_path):
    lock = DriverLock(tmp_path)
    (tmp_path / HOLDER_NAME).write_text("")
    with pytest.raises(RunBusyError, match="in use by another process;"):
        DriverLock(tmp_path)
    lock.release()
    DriverLock(tmp_path).release()


def test_lock_is_free_again_where_opening_failed(folder, header):
    Archive.create(folder, header).close()
    path = folder / "archive.sqlite"
    whole = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(Exception, match="half-written"):
        Archive.drive(folder)
    path.write_bytes(whole)
    Archive.drive(folder).close()
