"""What passes between the search and the process in which a trial runs.

A trial runs in a child process. What the child does is handed in as a ``World``: a value that is
pickled by the name of its class, and that builds in the other process whatever all trials share.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from smnas.errors import SmnasError
from smnas.trial.trial import FailureStage, Outcome, Trial

FaultKind = Literal["memory", "hung", "crashed", "killed", "lost"]

Report = Callable[[FailureStage, float, str], None]
"""Told where a trial is, the share of its work that is done, and what it is doing."""

TrialProgress = Callable[[int, float, str], None]
"""Told the trial's number, the share of its work that is done, and what it is doing."""


@dataclass(frozen=True)
class Limits:
    """What a trial may use; None: as much as there is.

    Attributes:
        seconds: Time from its start to its end.
        memory_mib: Memory of its process, what it shares with others left out.
        batch_parts: Most parts that a batch may be split into, where a whole one does not fit.
    """

    seconds: float | None = None
    memory_mib: float | None = None
    batch_parts: int = 1


@dataclass(frozen=True)
class Share:
    """What a slot gets of a machine."""

    cpus: int = 1
    gpus: float = 0.0

    def fits(self, resources: dict[str, float]) -> int:
        """Return how many slots a machine with these resources has room for."""
        rooms = [int(resources.get("CPU", 0.0) // self.cpus)]
        if self.gpus:
            rooms.append(int(resources.get("GPU", 0.0) / self.gpus + 1e-6))
        return min(rooms)


@dataclass(frozen=True)
class Order:
    """One attempt at a trial.

    Attributes:
        trial: What is to be tried.
        limits: What it may use.
        batch_parts: Into how many parts its batches are split.
        faults: What became of the attempts before.
    """

    trial: Trial
    limits: Limits = Limits()
    batch_parts: int = 1
    faults: tuple[FaultKind, ...] = ()


@dataclass(frozen=True)
class Progress:
    """Where a trial is."""

    stage: FailureStage
    share: float
    note: str


@dataclass(frozen=True)
class Fault:
    """An attempt that ended without an outcome."""

    kind: FaultKind
    stage: FailureStage
    reason: str


@dataclass(frozen=True)
class Files:
    """What a trial has left in its folder, by path relative to the run folder.

    Only where the process that runs trials does not see that folder itself.
    """

    content: dict[str, bytes | None]
    """None for what is not there any more."""


@dataclass(frozen=True)
class DataMissing:
    """What the trials share cannot be built here, for lack of the data that it reads."""

    reason: SmnasError


Event = Progress | Files | DataMissing | Fault | Outcome | SmnasError
"""What happens during an attempt. It ends with an outcome, a fault, or an error that is no trial's
fault and ends the search."""


class Work(Protocol):
    """Runs one attempt, inside its process."""

    def __call__(self, order: Order, folder: Path, report: Report) -> Outcome:
        """Return what came of the order's trial; what it leaves is written under ``folder``.

        Raises:
            MemoryError: It does not fit into memory.
            SmnasError: What is no trial's fault, such as a full disk: it ends the search.
        """
        ...


class World(Protocol):
    """All that is needed to build, in another process, what the trials share."""

    def open(self) -> Work:
        """Return the work, with data read and heavy modules imported, and no thread running."""
        ...


class Movable(World, Protocol):
    """A world whose data can be sent to a machine that has none of them."""

    @property
    def key(self) -> str:
        """Name of the data, by their content."""
        ...

    def pack(self) -> Iterator[dict[str, bytes]]:
        """Yield the files that ``open`` reads, a part of them at a time, by relative path."""
        ...

    def moved(self, folder: Path) -> "Movable":
        """Return the world that reads those files from ``folder``."""
        ...


class Store(Protocol):
    """The run folder, as far as trials are concerned."""

    def read(self, trial: Trial) -> dict[str, bytes]:
        """Return the files that a trial begins with, by path relative to the run folder."""
        ...

    def write(self, content: Mapping[str, bytes | None]) -> None:
        """Write files, each whole or not at all; None removes one.

        Raises:
            StorageFullError: No room on the disk.
        """
        ...


class TrialSlot(Protocol):
    """A place where one attempt runs at a time."""

    def run(self, order: Order) -> Iterator[Event]:
        """Yield what happens, to the end of the attempt."""
        ...

    def kill(self) -> None:
        """Have what runs end now, for good; any thread may say so. ``close`` does the rest."""
        ...

    def close(self) -> None:
        """Stop what runs, and leave nothing behind."""
        ...
