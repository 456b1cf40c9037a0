"""``Checkpoints``: where a training's checkpoints lie, when one is written, which one is used."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from smnas.errors import WeightsError
from smnas.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from smnas.training.course import Steps

TRUNK = "trunk.safetensors"
"""The checkpoint of a rung's last step, from which a higher rung goes on."""
_STEP = "step-"
KEPT = 2
"""Checkpoints on disk: one that cannot be read leaves the one before."""
_EPOCH_END_SHARE = 1 / 6
"""At the end of an epoch, where going on is cheapest, a checkpoint is due that much sooner."""
_GUESSED_BYTES_PER_SECOND = 100e6


class Checkpoints:
    """The checkpoints of one training, in a folder of their own.

    Args:
        folder: Where they lie; made when the first is written.
        start: A lower rung's ``trunk``, to go on from where ``folder`` has nothing better.
        every_seconds: Time between two; a sixth of it where the second is at an epoch's end.
        most_share: Of the time, what writing may take: large ones on slow disks are written less
            often than ``every_seconds``.
        say: Told what a person should know: where the training goes on, what was damaged.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        folder: Path,
        start: Path | None = None,
        every_seconds: float = 60.0,
        most_share: float = 1 / 150,
        say: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trunk = folder / TRUNK
        self.notes: list[str] = []
        """What was said."""
        self.seconds = 0.0
        """Time that writing took."""
        self.seconds_before = 0.0
        """Time that the training had taken when it was interrupted."""
        self._folder = folder
        self._start = start
        self._every_seconds = every_seconds
        self._most_share = most_share
        self._tell = say
        self._clock = clock
        self._written_at = clock()
        self._cost_seconds: float | None = None

    def find(self, identity: str, steps: Steps) -> Checkpoint | None:
        """Return the newest sound checkpoint of a training, or None, and say which it is.

        Args:
            identity: Of the training.
            steps: Of the training.
        """
        self._written_at = self._clock()
        for leftover in self._folder.glob(".*"):  # of a write that was cut short
            leftover.unlink()
        places = self._newest_first(steps)
        for path in places:
            try:
                found = read_checkpoint(path)
                self._check(path, found, identity, steps)
            except WeightsError as error:
                self._say(f"checkpoint not used: {error}")
                continue
            done = found.state.done
            self._say(f"training goes on after step {done} of {steps.total}, from {path}")
            is_start = path == self._start
            self.seconds_before = 0.0 if is_start else found.state.seconds
            return replace(found, is_start=is_start)
        if places:
            self._say("no checkpoint can be used: training begins anew")
        return None

    def is_due(self, epoch_ends: bool, mebibytes: Callable[[], float]) -> bool:
        """Return whether a checkpoint should be written now.

        Args:
            epoch_ends: Whether the last step was an epoch's last.
            mebibytes: Gives the size of one.
        """
        waited = self._clock() - self._written_at
        if waited < self._every_seconds * (_EPOCH_END_SHARE if epoch_ends else 1.0):
            return False
        if self._cost_seconds is None:
            self._cost_seconds = mebibytes() * 2**20 / _GUESSED_BYTES_PER_SECOND
        return waited * self._most_share >= self._cost_seconds

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, and remove those that are too old.

        Raises:
            StorageFullError: The disk is full; the last ones are kept.
        """
        self._write(self._folder / f"{_STEP}{checkpoint.state.done:09d}.safetensors", checkpoint)
        for path in self._by_age()[KEPT:]:
            path.unlink()

    def write_trunk(self, checkpoint: Checkpoint) -> None:
        """Write what a higher rung goes on from.

        Raises:
            StorageFullError: The disk is full; the last checkpoints are kept.
        """
        self._write(self.trunk, checkpoint)

    def clear(self) -> None:
        """Remove all but the trunk, once what the training gave is on disk elsewhere."""
        for path in self._by_age():
            path.unlink()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _write(self, path: Path, checkpoint: Checkpoint) -> None:
        started = self._clock()
        write_checkpoint(path, checkpoint)
        self._written_at = self._clock()
        self._cost_seconds = self._written_at - started
        self.seconds += self._cost_seconds

    def _check(self, path: Path, found: Checkpoint, identity: str, steps: Steps) -> None:
        if found.state.identity != identity:
            raise WeightsError(f"{path}: it belongs to another training")
        if found.state.done > steps.total:
            raise WeightsError(f"{path}: it has come farther than this training goes")
        if found.state.done > steps.trunk:
            read_checkpoint(self.trunk)  # a copy that cools down is worth nothing without it

    def _newest_first(self, steps: Steps) -> list[Path]:
        """Return what may be gone on from: our own ones, then a lower rung's."""
        own = [(int(path.stem.removeprefix(_STEP)), path) for path in self._by_age()]
        if self.trunk.exists():
            own.append((steps.trunk, self.trunk))
        start = [] if self._start is None else [self._start]
        return [path for _, path in sorted(own, reverse=True)] + start

    def _by_age(self) -> list[Path]:
        return sorted(self._folder.glob(f"{_STEP}*.safetensors"), reverse=True)

    def _say(self, sentence: str) -> None:
        self.notes.append(sentence)
        if self._tell is not None:
            self._tell(sentence)
