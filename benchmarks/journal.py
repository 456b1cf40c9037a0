"""What long benchmarks have finished so far: one JSON object a line, each under its own key."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Journal:
    """Records on disk that are only ever added; each is there whole as soon as it is known.

    A benchmark that was killed goes on where it was: it skips what is there. A last line that was
    cut off is dropped, so at most one record is lost.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path``, which need not exist yet."""
        self._path = path
        self._records: dict[str, Record] = {}
        if path.exists():
            lines = path.read_bytes().split(b"\n")
            if lines[-1]:
                path.write_bytes(b"\n".join([*lines[:-1], b""]))
            for line in lines[:-1]:
                record = json.loads(line)
                self._records[record["key"]] = record

    def __contains__(self, key: str) -> bool:
        """Tell whether there is a record under ``key``."""
        return key in self._records

    def __getitem__(self, key: str) -> Record:
        """Return the record under ``key``."""
        return self._records[key]

    def __iter__(self) -> Iterator[Record]:
        """Yield all records in the order in which they were added."""
        return iter(self._records.values())

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self._records)

    def add(self, key: str, record: Record) -> None:
        """Write a record under a key that is not taken yet, through to the disk.

        Raises:
            KeyError: The key is taken.
        """
        if key in self._records:
            raise KeyError(f"{self._path} holds a record under {key!r} already")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        keyed = {"key": key, **record}
        with self._path.open("a") as file:
            file.write(json.dumps(keyed, separators=(",", ":")) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._records[key] = keyed
