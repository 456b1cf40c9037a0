"""The child process of one attempt."""

import faulthandler
import os
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path

from smnas.errors import SmnasError
from smnas.execution.process import die_with_parent
from smnas.execution.work import Event, Fault, Order, Progress, Work
from smnas.trial.trial import FailureStage


def run_child(
    work: Work,
    folder: Path,
    order: Order,
    pipe: Connection,
    of_parent: Iterable[Connection],
    parent: int,
) -> None:
    """Run an attempt and say how it ended; an unexpected error goes to standard error.

    Args:
        work: What to do.
        folder: Where to write.
        order: Which attempt.
        pipe: Where to tell it.
        of_parent: Ends of pipes that the parent alone may hold, so that their other ends notice
            when it is gone.
        parent: Process id of the parent.
    """
    os.setpgid(0, 0)  # a group of its own, which whatever it starts belongs to
    die_with_parent(parent)
    faulthandler.enable()
    for connection in of_parent:
        connection.close()

    def report(stage: FailureStage, share: float, note: str) -> None:
        pipe.send(Progress(stage, share, note))

    end: Event
    try:
        end = work(order, folder, report)
    except MemoryError as error:
        end = Fault("memory", "build", str(error) or "out of memory")
    except SmnasError as error:
        end = error
    pipe.send(end)
