"""Pieces of a long benchmark, side by side in processes; one process alone writes the journal.

So no record is lost or made twice: whoever is killed, what was finished is there.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import active_children, get_context, parent_process

from journal import Journal, Record


@dataclass(frozen=True)
class Piece:
    """One piece of work, and under which key its record is kept."""

    key: str
    work: Callable[[], Record]
    """Where several run at a time, each is in another process: it can be pickled, and keeps to one
    thread."""
    labels: Record = field(default_factory=dict)
    """What the record says beside what the work returns."""


NextPiece = Callable[[Collection[str]], Piece | None]
"""Returns the next piece whose key is not among those that were begun; None where nothing is left,
or where what is left follows from pieces that still run: it is asked again when one has ended."""


class TimeLimit:
    """Says when to stop beginning something new; None never does."""

    def __init__(self, minutes: float | None) -> None:
        """Begin now."""
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    def allows(self, seconds: float) -> bool:
        """Return whether so much more still fits."""
        return self._end is None or time.monotonic() + seconds <= self._end

    @property
    def minutes_left(self) -> float | None:
        """Until then; None: no end."""
        return None if self._end is None else max(0.0, self._end - time.monotonic()) / 60


def finish(
    journal: Journal,
    next_piece: NextPiece,
    *,
    processes: int = 1,
    minutes: float | None = None,
    most: int | None = None,
    tell: Callable[[Record], None] = print,
) -> None:
    """Do the pieces that there are, ``processes`` at a time, and keep the record of each.

    Args:
        journal: Where the records go, each as soon as it is there.
        next_piece: What is to be done.
        processes: How many pieces run at a time.
        minutes: Nothing is begun that would not end within these, were it as long as the longest.
        most: How many pieces are begun at most.
        tell: Hears of every record.

    Raises:
        ExceptionGroup: Pieces have failed; all others were finished before.
    """
    limit, longest = TimeLimit(minutes), 0.0
    begun, failures = dict.fromkeys(record["key"] for record in journal), list[Exception]()
    places = len(begun) + (sys.maxsize if most is None else most)
    running: dict[Future[Record], tuple[Piece, float]] = {}
    with _workers(processes) as submit:
        while True:
            while len(running) < processes and len(begun) < places and limit.allows(longest):
                piece = next_piece(begun.keys())
                if piece is None:
                    break
                begun[piece.key] = None
                running[submit(piece.work)] = piece, time.monotonic()
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                piece, since = running.pop(future)
                longest = max(longest, time.monotonic() - since)
                try:
                    record = future.result()
                except Exception as error:  # noqa: BLE001  others are finished before it is raised
                    print(f"{piece.key}: {error!r}", file=sys.stderr, flush=True)
                    failures.append(error)
                    continue
                journal.add(piece.key, {**piece.labels, **record})
                tell(journal[piece.key])
    if failures:
        raise ExceptionGroup(f"{len(failures)} pieces failed; all others are kept", failures)


def _work_here(work: Callable[[], Record]) -> Future[Record]:
    done = Future[Record]()
    try:
        done.set_result(work())
    except Exception as error:  # noqa: BLE001  whoever asks for the result hears of it
        done.set_exception(error)
    return done


@contextmanager
def _workers(processes: int) -> Iterator[Callable[[Callable[[], Record]], Future[Record]]]:
    """Return what takes work: processes that end with this one, or, for one, this one itself."""
    if processes == 1:
        yield _work_here
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _end_with_parent)
    try:
        yield pool.submit
    except BaseException:
        for child in active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown()


def _end_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends its children
    threading.Thread(target=_leave_after_parent, daemon=True).start()


def _leave_after_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
