"""What passes between the search and the process in which a trial runs.

A trial runs in a child process. What the child does is handed in as a ``World``: a value that is
pickled by the name of its class, and that builds in the other process whatever all trials share.
"""

from collections.abc import Callable, Iterator
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

    content: dict[str, bytes]


Event = Progress | Files | Fault | Outcome | SmnasError
"""What happens during an attempt. It ends with an outcome, a fault, or an error that is no trial's
fault and ends the search."""


class Work(Protocol):
    """Runs one attempt, inside its process."""

    def __call__(self, trial: Trial, folder: Path, batch_parts: int, report: Report) -> Outcome:
        """Return what came of ``trial``; what it leaves behind is written under ``folder``.

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


class TrialSlot(Protocol):
    """A place where one attempt runs at a time."""

    def run(self, order: Order) -> Iterator[Event]:
        """Yield what happens, to the end of the attempt."""
        ...

    def close(self) -> None:
        """Stop what runs."""
        ...
