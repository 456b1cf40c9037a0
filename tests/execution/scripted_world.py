"""A world whose trials do what a script says, by their numbers; it needs no torch."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from smnas.errors import MissingFileError, StorageFullError
from smnas.execution.work import Order, Report
from smnas.trial.measurement import CountProtocol, Measurement
from smnas.trial.trial import Failure, Outcome, Trial


def succeed(value: float = 1.0) -> Outcome:
    number = Measurement(metric="ap", value=value, unit="1", protocol=CountProtocol(rule="none"))
    return Outcome(measurements=(number,))


@dataclass(frozen=True)
class ScriptedWorld:
    """What trial N does is ``actions[N]``, else it succeeds at once.

    Every attempt leaves its process id in ``notes/N``, one line each.
    """

    notes: Path
    actions: Mapping[int, str] = field(default_factory=dict)
    data: Path | None = None
    """A folder whose files must be there."""

    key = "scripted-data"

    def open(self) -> "ScriptedWorld":
        if self.data is not None and not self.data.is_dir():
            raise MissingFileError(f"{self.data}: no such folder")
        return self

    def pack(self) -> Iterator[dict[str, bytes]]:
        yield {"a/first": b"1"}
        yield {"second": b"2"}

    def moved(self, folder: Path) -> "ScriptedWorld":
        return replace(self, data=folder)

    def __call__(self, order: Order, folder: Path, report: Report) -> Outcome:
        trial = order.trial
        name, _, argument = self.actions.get(trial.number, "succeed").partition(" ")
        with (self.notes / str(trial.number)).open("a") as file:
            file.write(f"{os.getpid()} {os.getppid()}\n")
        report("training", 0.5, f"parts {order.batch_parts}")
        attempts = len(self.attempts(trial.number))
        return _ACTIONS[name](argument, attempts, order.batch_parts, folder) or succeed()

    def attempts(self, number: int) -> list[tuple[int, int]]:
        """Process ids of all attempts at a trial, and of what had started them."""
        path = self.notes / str(number)
        lines = path.read_text().splitlines() if path.exists() else []
        return [tuple(map(int, line.split())) for line in lines]


class FolderStore:
    """A run folder without anything else around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, trial: Trial) -> dict[str, bytes]:
        own = self.folder / f"trials/{trial.number:04d}"
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in own.rglob("*")
            if path.is_file()
        }

    def write(self, content: Mapping[str, bytes | None]) -> None:
        for name, data in content.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True) if data is None else path.write_bytes(data)


def keep_sent(name: str, write: Callable[[Path], None]) -> Path:
    """Keep data that were sent in a folder of the test."""
    folder = Path(os.environ["SMNAS_TEST_SENT"]) / name
    folder.mkdir(parents=True, exist_ok=True)
    write(folder)
    return folder


@dataclass(frozen=True)
class BrokenWorld:
    """One that cannot be built, here or elsewhere."""

    error: Exception

    key = "broken"

    def open(self) -> None:
        raise self.error

    def pack(self) -> Iterator[dict[str, bytes]]:
        return iter(())

    def moved(self, folder: Path) -> "BrokenWorld":
        return self


def _fail(argument: str, attempts: int, parts: int, folder: Path) -> Outcome:
    return Outcome(failure=Failure(stage="training", reason="the loss is not finite"))


def _crash(argument: str, attempts: int, parts: int, folder: Path) -> None:
    if attempts <= int(argument):
        raise KeyError("ap")


def _die(argument: str, attempts: int, parts: int, folder: Path) -> None:
    name, times = argument.split()
    if attempts <= int(times):
        os.kill(os.getpid(), signal.Signals[name])
        time.sleep(10)


def _exit(argument: str, attempts: int, parts: int, folder: Path) -> None:
    os._exit(3)


def _sleep(argument: str, attempts: int, parts: int, folder: Path) -> None:
    time.sleep(float(argument))


def _run_out(argument: str, attempts: int, parts: int, folder: Path) -> None:
    if parts < int(argument):
        raise MemoryError("tried to allocate 2 GiB")


def _swell(argument: str, attempts: int, parts: int, folder: Path) -> None:
    kept = bytearray(int(argument) * 2**20 // parts)
    kept[::4096] = b"x" * len(kept[::4096])
    time.sleep(1.5)


def _fill(argument: str, attempts: int, parts: int, folder: Path) -> None:
    raise StorageFullError("full")


def _leave(argument: str, attempts: int, parts: int, folder: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    Path(argument).write_text(str(process.pid))
    time.sleep(1000)


def _write(argument: str, attempts: int, parts: int, folder: Path) -> Outcome:
    kept = folder / argument
    before = kept.read_text() if kept.exists() else ""
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(before + "x")
    if attempts == 1:
        time.sleep(1.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(measurements=succeed().measurements, weights=argument)


_ACTIONS: dict[str, Callable[[str, int, int, Path], Outcome | None]] = {
    "succeed": lambda *_: None,
    "fail": _fail,
    "crash": _crash,
    "die": _die,
    "exit": _exit,
    "sleep": _sleep,
    "run-out": _run_out,
    "swell": _swell,
    "fill": _fill,
    "leave": _leave,
    "write": _write,
}
