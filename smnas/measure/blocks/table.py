"""What is known of blocks and whole detectors on one device: times, kept on disk.

A file holds a line of JSON for each time. There is one for each device, runtime, number of
threads and versions in the cache folder, filled when a block is asked for that is not in it; and a
run keeps what its own predictions come from.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from smnas.measure.blocks.parts import Size
from smnas.trial.measurement import LatencyProtocol


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TimedBlock(_Value):
    """The time of a block."""

    block: str
    """Its key."""
    ms: float


class TimedDetector(_Value):
    """The time of a whole detector, in the form that ships and without weights that matter."""

    arch: str
    classes: int
    picture: Size
    ms: float


Entry = TimedBlock | TimedDetector
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)


class LatencyTable:
    """Times under one way of timing, of which newer ones win.

    Args:
        shared: The file of the device; None: nothing is kept beyond the run.
        earlier: Files of the run so far.
        own: Where the run keeps what is added; None: nowhere.
    """

    def __init__(
        self, shared: Path | None = None, earlier: Sequence[Path] = (), own: Path | None = None
    ) -> None:
        self._shared, self._own = shared, own
        self._is_in_run = bool(earlier)
        self.blocks: dict[str, float] = {}
        self.detectors: dict[tuple[str, int, Size], float] = {}
        for path in (*([] if shared is None else [shared]), *earlier):
            self._take(read_entries(path))

    @property
    def entries(self) -> list[Entry]:
        """All that is known."""
        blocks = [TimedBlock(block=key, ms=ms) for key, ms in self.blocks.items()]
        detectors = [
            TimedDetector(arch=arch, classes=classes, picture=picture, ms=ms)
            for (arch, classes, picture), ms in self.detectors.items()
        ]
        return [*blocks, *detectors]

    def add(self, entries: Sequence[Entry]) -> None:
        """Keep further times; on a full or read-only disk they are forgotten with this process."""
        self.keep_in_run()
        self._take(entries)
        for path in (self._shared, self._own):
            _append(path, entries)

    def keep_in_run(self) -> None:
        """See to it that the run keeps what its predictions come from, not the device alone."""
        if not self._is_in_run:
            _append(self._own, self.entries)
            self._is_in_run = True

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if isinstance(entry, TimedBlock):
                self.blocks[entry.block] = entry.ms
            else:
                self.detectors[entry.arch, entry.classes, entry.picture] = entry.ms


def file_name(protocol: LatencyProtocol) -> str:
    """Return the name of the files with times of detectors that are timed so."""
    told = protocol.model_dump(exclude={"warmup", "repeats"})
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
    return f"blocks-{digest}.jsonl"


def read_entries(path: Path) -> list[Entry]:
    """Return what a file holds; lines that a kill cut short are left out."""
    found: list[Entry] = []
    if path.is_file():
        for line in path.read_text(errors="replace").splitlines():
            with suppress(ValidationError):
                found.append(_ENTRY.validate_json(line))
    return found


def _append(path: Path | None, entries: Iterable[Entry]) -> None:
    if path is not None:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.writelines(f"{entry.model_dump_json()}\n" for entry in entries)
