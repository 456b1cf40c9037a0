"""Names in data files lead nowhere else: not by ``..``, not from a root, not through a link."""

import os
from pathlib import Path


class Inside:
    """Tells which files lie in a folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; that it is a link itself does not matter."""
        self._folder = os.path.abspath(folder)
        self._real = os.path.realpath(folder)
        self._folders: dict[str, bool] = {}

    def holds(self, file: str | Path) -> bool:
        """Return whether ``file``, which starts from the folder, stays in it, links followed."""
        path = os.path.normpath(os.path.join(self._folder, file))
        try:
            if not _is_in(path, self._folder):
                return False
            above = os.path.dirname(path)
            if above not in self._folders:  # one look for each folder: there are many files
                self._folders[above] = _is_in(os.path.realpath(above), self._real)
            if not self._folders[above]:
                return False
            return not os.path.islink(path) or _is_in(os.path.realpath(path), self._real)
        except ValueError:  # a name that no file can have
            return False


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
