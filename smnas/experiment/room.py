"""A full disk pauses the search; when there is room, it goes on by itself."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from smnas.errors import StorageFullError

T = TypeVar("T")

LOOK_EVERY_S = 10.0
RETRY_AFTER_S = 600.0
"""Room that cannot be seen, such as that of a quota or of a server, is found by trying again."""
ENOUGH_MIB = 16.0
"""So much more room than when the disk was full is worth another try."""


def free_mib(folder: Path) -> float:
    """Return the room on the disk that ``folder`` is on."""
    return shutil.disk_usage(folder).free / 2**20


def with_room(
    work: Callable[[], T],
    folder: Path,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    free: Callable[[Path], float] = free_mib,
) -> T:
    """Return what ``work`` returns; where the disk is full, wait for room and begin it again.

    Args:
        work: Keeps on disk what it has done, and goes on with the rest when it is called again.
        folder: Where it writes.
        say: Told when the pause begins, and when it ends.
        sleep: Waits for so many seconds.
        free: Returns the MiB that are free.
    """
    while True:
        try:
            return work()
        except StorageFullError as error:
            before = free(folder)
            say(f"PAUSED: {error}. The search waits for room and then goes on; Ctrl-C ends it.")
            _wait_for_room(folder, before, sleep, free)
            say("The search goes on.")


def _wait_for_room(
    folder: Path, before: float, sleep: Callable[[float], None], free: Callable[[Path], float]
) -> None:
    """Return when there is more room than ``before``, or when it is time to try without any."""
    waited = 0.0
    while waited < RETRY_AFTER_S and free(folder) < before + ENOUGH_MIB:
        sleep(LOOK_EVERY_S)
        waited += LOOK_EVERY_S
