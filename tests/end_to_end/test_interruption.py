"""Ctrl-C in a real search: once ends the running trial, twice everything."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smnas.archive.archive import Archive
from smnas.experiment.interruption import NOTICE

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("times", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_search_is_stopped_and_goes_on(pictures, config, tmp_path, times):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "smnas", "search", str(pictures), "--config", str(config)]
    command += ["--out", str(folder)]
    log = tmp_path / "log"
    with (
        log.open("w") as file,
        subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file) as process,
    ):
        while "trial 0," not in log.read_text():  # recorded: the next one runs
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        if times == 2:
            while NOTICE[:9] not in log.read_text():
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
    assert process.returncode == 1
    said = log.read_text()
    assert NOTICE in said
    assert "Stopped. All finished trials are kept" in said
    assert "Traceback" not in said
    archive = Archive.open(folder)
    archive.close()
    unfinished = [trial.number for trial in archive.trials() if trial.outcome is None]
    assert unfinished == [] if times == 1 else len(unfinished) <= 1
    assert 1 <= len(archive.trials()) <= 4
