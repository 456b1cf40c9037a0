"""Processes that share a machine, and one that wants it for itself."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from smnas.measure.quiet import SharedMachine

SPAWN = multiprocessing.get_context("spawn")
SOON_S = 20.0


def work(folder: Path, ticks: Path) -> None:
    """Work for ever, and give way after each of many small steps."""
    with SharedMachine(folder) as machine:
        while True:
            with ticks.open("a") as file:
                file.write(".")
            time.sleep(0.005)
            machine.give_way()


def take_times(folder: Path, started: Path) -> None:
    """Be alone for ever."""
    with SharedMachine(folder) as machine, machine.alone():
        started.touch()
        time.sleep(1000)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator:
    with ExitStack() as stack:

        def start(target, *arguments: Path) -> BaseProcess:
            process = SPAWN.Process(target=target, args=(tmp_path, *arguments), daemon=True)
            process.start()
            stack.callback(process.join)
            stack.callback(process.kill)
            return process

        yield start


def wait_for(path: Path, size: int = 0) -> None:
    deadline = time.monotonic() + SOON_S
    while not (path.exists() and path.stat().st_size >= size):
        assert time.monotonic() < deadline, f"{path.name} did not come"
        time.sleep(0.01)


def test_others_stand_still_while_one_is_alone_and_go_on_afterwards(begin, tmp_path):
    ticks = [tmp_path / "one", tmp_path / "two"]
    for path in ticks:
        begin(work, path)
        wait_for(path, 3)
    with SharedMachine(tmp_path) as machine, machine.alone():
        before = [path.stat().st_size for path in ticks]
        time.sleep(0.2)
        assert [path.stat().st_size for path in ticks] == before
    for path, size in zip(ticks, before, strict=True):
        wait_for(path, size + 3)


def test_death_of_the_one_who_is_alone_sets_the_others_going(begin, tmp_path):
    ticks, started = tmp_path / "ticks", tmp_path / "started"
    begin(work, ticks)
    wait_for(ticks, 3)
    alone = begin(take_times, started)
    wait_for(started)
    before = ticks.stat().st_size
    os.kill(alone.pid, signal.SIGKILL)
    wait_for(ticks, before + 3)


def test_who_begins_to_work_waits_at_the_door(begin, tmp_path):
    ticks, started = tmp_path / "ticks", tmp_path / "started"
    with SharedMachine(tmp_path) as machine, machine.alone():
        begin(work, ticks)
        begin(take_times, started)
        time.sleep(0.5)
        assert not ticks.exists()
        assert not started.exists()
    wait_for(started)


def test_patience_has_an_end(tmp_path):
    with SharedMachine(tmp_path), SharedMachine(tmp_path, patience_s=0.1) as impatient:
        began = time.monotonic()
        with impatient.alone():
            assert time.monotonic() - began >= 0.1
