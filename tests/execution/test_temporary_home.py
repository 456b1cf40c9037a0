import os
import subprocess
import sys

import pytest

from smnas.execution.temporary_home import TemporaryHome

KILLED = """
import os, signal
from smnas.execution.temporary_home import TemporaryHome
(TemporaryHome().folder / "checkpoint").write_text("half")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_process_left_is_removed_and_what_lives_stays(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED], check=False, cwd=os.getcwd())
    left = set(tmp_path.glob("smnas-worker-*"))
    assert len(left) == 2  # the folder and its lock
    first, second = TemporaryHome(), TemporaryHome()
    folders = {path for path in tmp_path.iterdir() if path.is_dir()}
    assert folders == {first.folder, second.folder}
    first.close()
    second.close()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_being_made_is_left_alone(tmp_path):
    new, old, foreign = (tmp_path / name for name in ("smnas-worker-1", "smnas-worker-2", "x"))
    for folder in (new, old, foreign):
        folder.mkdir()
    os.utime(old, (0, 0))
    TemporaryHome().close()
    assert set(tmp_path.iterdir()) == {new, foreign}
