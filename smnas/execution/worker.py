"""A slot that shares no disk with the run folder: files travel with the events of a trial."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from smnas.errors import DataError, SmnasError
from smnas.execution.slot import Slot
from smnas.execution.temporary_home import TemporaryHome
from smnas.execution.work import DataMissing, Event, Fault, Files, Order, Progress
from smnas.trial.trial import Outcome

SECONDS_BETWEEN_LOOKS = 3.0
"""Between two looks at what a trial has written, such as a checkpoint."""
SECONDS_BETWEEN_PROGRESS = 1.0

KeepSent = Callable[[str, Callable[[Path], None]], Path]
"""Given a name and what writes a folder, returns that folder, written once on each machine."""


class Worker:
    """A slot in a folder of its own.

    Args:
        world: What the trials share, pickled.
        machine_share: Share of this machine's memory that a trial may use.
        keep_sent: Keeps data that were sent.
    """

    def __init__(self, world: bytes, machine_share: float, keep_sent: KeepSent) -> None:
        self._home = TemporaryHome()
        self._folder = self._home.folder
        self._sent: Path | None = None
        self._slot = Slot(world, self._folder, machine_share)
        self._keep_sent = keep_sent

    def settle(self, key: str, write: Callable[[Path], None]) -> None:
        """Have the data read from where ``write`` puts them, unless they have come before."""
        self._sent = self._keep_sent(key, write)
        self._slot.move(self._sent)

    def run(self, order: Order, files: dict[str, bytes]) -> Iterator[Event]:
        """Yield what happens in an attempt that begins with ``files``."""
        for name, content in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if self._sent is not None:
            with suppress(OSError):  # what nobody opens for long makes room for others
                os.utime(self._sent)
        try:
            self._slot.open()
        except DataError as error:
            yield DataMissing(error)
        except SmnasError as error:
            yield error
        else:
            yield from self._follow(order)
        finally:
            for path in self._folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def close(self) -> None:
        """Stop what runs, and leave nothing behind."""
        self._slot.close()
        self._home.close()

    def _follow(self, order: Order) -> Iterator[Event]:
        known = self._stamps()
        looked = told = time.monotonic()
        stage = None
        for event in self._slot.run(order):
            now = time.monotonic()
            if isinstance(event, Outcome | Fault) or now - looked > SECONDS_BETWEEN_LOOKS:
                looked, seen = now, self._stamps()
                changed = {name for name in {*seen, *known} if seen.get(name) != known.get(name)}
                known = seen
                if changed:
                    yield Files({name: self._read(name) for name in changed})
            if not isinstance(event, Progress):
                yield event
            elif event.stage != stage or now - told > SECONDS_BETWEEN_PROGRESS:
                told, stage = now, event.stage
                yield event

    def _stamps(self) -> dict[str, tuple[int, int]]:
        """Return the files that are there, and what changes when one of them is written.

        What is being written has a name of its own until it is whole: with a dot before it, or
        ``.part`` behind.
        """
        found: dict[str, tuple[int, int]] = {}
        for path in self._folder.rglob("*"):
            if path.name.startswith(".") or path.suffix == ".part":
                continue
            try:
                facts = path.stat()
            except FileNotFoundError:  # removed since it was listed
                continue
            if path.is_file():
                name = path.relative_to(self._folder).as_posix()
                found[name] = facts.st_mtime_ns, facts.st_size
        return found

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
