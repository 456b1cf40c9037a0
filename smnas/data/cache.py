"""The cache: folders of what can be made again, whole or not at all, whoever makes them at once.

They lie in ``$SMNAS_CACHE_DIR``, else in ``smnas`` under ``$XDG_CACHE_HOME``, else under
``~/.cache``. A folder there may be removed at any time: what it held is made again. All together
take at most ``$SMNAS_CACHE_GIB`` (20 unless told otherwise): before a new one is written, those
that nobody has opened for longest are removed.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeVar

from smnas.errors import ConfigError, StorageFullError

CACHE_VARIABLE = "SMNAS_CACHE_DIR"
LIMIT_VARIABLE = "SMNAS_CACHE_GIB"
DEFAULT_LIMIT_GIB = 20.0

KINDS = ("pictures-", "scenes-", "sent-", "table-")
"""How the names of our folders begin: nothing else is ever removed."""
_SPARE_BYTES = 2**30
"""Left free on the disk by what need not be kept as a whole."""
_IN_USE_S = 3600.0
"""What was opened so recently may be read right now, and is not removed for something new."""

Kept = TypeVar("Kept")


def cache_folder() -> Path:
    """Return the folder of all that can be made again; it need not be there yet."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smnas"


def cache_limit_bytes() -> int:
    """Return how much all folders may take together.

    Raises:
        ConfigError: The variable holds no number.
    """
    told = os.environ.get(LIMIT_VARIABLE)
    try:
        gib = float(told) if told else DEFAULT_LIMIT_GIB
        return int(max(0.0, gib) * 2**30)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{LIMIT_VARIABLE}: expected gibibytes, such as 20; got {told!r}"
        ) from None


def keep_folder(
    name: str,
    open_: Callable[[Path], Kept | None],
    write: Callable[[Path], None],
    needed_bytes: int,
) -> Kept:
    """Return what the folder called ``name`` holds, made where it is not on disk yet.

    Args:
        name: Says all that decides what is in it: equal names, equal content.
        open_: Returns what a folder holds; None where nothing is, or nothing that can be read.
        write: Writes it into an empty folder.
        needed_bytes: How much room that takes, for the message.

    Raises:
        StorageFullError: It cannot be kept; names the folder and the room that it needs.
    """
    folder = cache_folder() / name
    kept = open_(folder)
    if kept is not None:
        with suppress(OSError):  # a cache that may only be read is a cache
            os.utime(folder)
        return kept
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Nobody sees the folder before it is whole: renaming it is one step.
        begun = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
        try:
            write(begun)
            _put(begun, folder, open_)
        finally:
            shutil.rmtree(begun, ignore_errors=True)
    except OSError as error:
        raise StorageFullError(
            f"{folder}: the pictures cannot be kept: {error}; they need "
            f"{needed_bytes / 2**20:.0f} MiB: make room, or name another folder in {CACHE_VARIABLE}"
        ) from None
    made = open_(folder)
    if made is None:
        raise StorageFullError(f"{folder}: what was written cannot be read; is the disk sound?")
    return made


def make_room(wanted_bytes: int) -> int:
    """Remove what nobody has opened for longest until there is room, and return how much there is.

    Returns:
        Bytes that may be written, at most ``wanted_bytes``: within the limit, and so that some of
        the disk stays free.
    """
    parent, now = cache_folder(), time.time()
    if not parent.is_dir():
        with suppress(OSError):  # told by whoever writes
            parent.mkdir(parents=True)
    limit = cache_limit_bytes()
    folders = _by_last_use(parent)
    used = sum(size for _, size, _ in folders)
    for opened, size, folder in folders:
        if used + wanted_bytes <= limit or now - opened < _IN_USE_S:
            break
        shutil.rmtree(folder, ignore_errors=True)
        used -= size
    room = limit - used
    with suppress(OSError):
        room = min(room, shutil.disk_usage(parent).free - _SPARE_BYTES)
    return max(0, min(wanted_bytes, room))


def finish(file: IO[bytes]) -> None:
    """Make sure that what was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def _by_last_use(parent: Path) -> list[tuple[float, int, Path]]:
    """Return when each folder was last opened or written to, its bytes, and where it is.

    Those that were begun and never finished are among them.
    """
    found: list[tuple[float, int, Path]] = []
    for folder in parent.iterdir() if parent.is_dir() else ():
        if folder.name.removeprefix(".").startswith(KINDS) and folder.is_dir():
            with suppress(OSError):  # removed by another process meanwhile
                files = [file.stat() for file in folder.rglob("*") if file.is_file()]
                used = max([folder.stat().st_mtime, *(file.st_mtime for file in files)])
                found.append((used, sum(file.st_size for file in files), folder))
    return sorted(found)


def _put(begun: Path, folder: Path, open_: Callable[[Path], object | None]) -> None:
    """Give the folder its name, unless another process was faster: its content is the same."""
    with suppress(OSError):
        begun.rename(folder)
        return
    if open_(folder) is None:  # what is there is broken, as after a fault of the disk
        shutil.rmtree(folder)
        begun.rename(folder)
