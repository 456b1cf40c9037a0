"""A real full disk in the middle of a real search: a small tmpfs, which only root may mount."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from smnas.experiment import room
from smnas.experiment.config import make_config
from smnas.experiment.observer import SilentObserver
from smnas.experiment.search import run_search


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if os.name != "posix" or mount is None or subprocess.run(command, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here; it takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class MakesRoom(SilentObserver):
    """Removes the ballast when the search has paused."""

    def __init__(self, ballast: Path) -> None:
        self.ballast = ballast
        self.said: list[str] = []

    def noted(self, sentence: str) -> None:
        self.said.append(sentence)
        if sentence.startswith("PAUSED"):
            self.ballast.unlink()


@pytest.mark.slow
def test_a_search_pauses_on_a_full_disk_and_goes_on(small_disk, pictures, config, monkeypatch):
    monkeypatch.setattr(room, "LOOK_EVERY_S", 0.01)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 400 * 1024))
    observer = MakesRoom(ballast)
    settings = make_config(pictures, config, seed=1)
    summary = run_search(settings, small_disk / "run", observer)
    paused = [sentence for sentence in observer.said if sentence.startswith("PAUSED")]
    assert len(paused) == 1
    assert "make room" in paused[0]
    assert summary.failed == 0
    assert summary.rows
