"""Data on their way to a machine that has none of them; importable without torch."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from smnas.data.cache import cache_folder

PART_BYTES = 64 * 2**20
"""Files are sent together up to this size."""
_ROOT = "smnas-root.json"
"""Beside what was sent: the folder that all of it lay under."""


def keep_sent(name: str, write: Callable[[Path], None]) -> Path:
    """Return the folder ``name`` of the cache, filled by ``write`` where it is not there yet.

    Whoever goes on reading it gives it a new time of change now and then: what nobody has opened
    for long makes room for others.
    """
    folder = cache_folder() / name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
        write(part)
        try:
            part.rename(folder)
        except OSError:  # another worker of this machine was faster
            shutil.rmtree(part)
    return folder


def pack_files(paths: Iterable[Path]) -> Iterator[dict[str, bytes]]:
    """Yield files, some at a time, by their paths below the folder that all of them lie under.

    Args:
        paths: Absolute.
    """
    files = sorted(set(paths))
    if not files:
        return
    root = Path(os.path.commonpath([path.parent for path in files]))
    part, size = {_ROOT: json.dumps(str(root)).encode()}, 0
    for path in files:
        content = path.read_bytes()
        if size + len(content) > PART_BYTES:
            yield part
            part, size = {}, 0
        part[path.relative_to(root).as_posix()] = content
        size += len(content)
    yield part


def find_sent(folder: Path, path: str) -> str:
    """Return where a file or folder lies now that lay at ``path`` (absolute) when it was packed."""
    root = json.loads((folder / _ROOT).read_text())
    return str(folder / os.path.relpath(path, root))
