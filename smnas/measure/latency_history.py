"""What earlier timings on this device have shown: how far processes differ, and the usual pace.

It is kept in the cache folder, a line of JSON for each timing, in a file of its own for each device
and way of timing. With it two processes are enough where three are needed without, and times of a
machine that is slower today than it was are still those at its usual pace. Removing it loses
nothing else.
"""

import hashlib
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from smnas.data.cache import cache_folder
from smnas.measure.standalone import Finding, Run, Spread, Task, disturbance

REMEMBERED = 200
"""Timings that count, the newest."""
MOST_FREEDOM = 30
"""However much is known of other detectors: of a detector its own processes know best."""
LEAST_PROCESSES = 2
"""Of a timing, once the spread between them is known."""
PRIOR_FREEDOM = 10
"""What other machines have shown of the spread between moments counts as so much."""
ENOUGH_FREEDOM = 20
"""Degrees of freedom with which the spread between processes counts as known."""
FEWEST_PACES = 3
"""Processes whose reference network tells the usual pace."""


@dataclass(frozen=True)
class PastTiming:
    """One timing: the variance of the logarithms of its processes' medians.

    Attributes:
        variance: Of the logarithms.
        freedom: Its degrees of freedom.
        reference_ms: What the reference network took in its undisturbed processes.
        medians: Logarithm of the time of each file, by a hash of its content; of timings without
            a flag.
    """

    variance: float
    freedom: int
    reference_ms: list[float]
    medians: dict[str, float] = field(default_factory=dict[str, float])


class LatencyHistory:
    """The timings of one device, threads and versions, as they lie in ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._past = _read(path)

    @classmethod
    def of(cls, task: Task, runtime: dict[str, str]) -> "LatencyHistory":
        """Return the history of tasks like this one, on the device and with the versions given."""
        key = json.dumps([asdict(task.effort), task.threads, runtime], sort_keys=True)
        name = hashlib.sha256(key.encode()).hexdigest()[:12]
        return cls(cache_folder() / "latency" / f"{name}.jsonl")

    @property
    def spread(self) -> Spread:
        """How processes of one moment differ, and beyond that those of different moments."""
        freedom = sum(item.freedom for item in self._past)
        if not freedom:
            return Spread()
        pooled = sum(item.freedom * item.variance for item in self._past) / freedom
        return Spread(pooled, min(freedom, MOST_FREEDOM), self._of_moments(pooled))

    def _of_moments(self, of_processes: float) -> float:
        """Variance between timings of one file, less that of the processes of each.

        What is known of other machines counts as ``PRIOR_FREEDOM`` degrees of freedom.
        """
        by_file: dict[str, list[float]] = defaultdict(list)
        for item in self._past:
            for name, logarithm in item.medians.items():
                by_file[name].append(logarithm)
        again = [values for values in by_file.values() if len(values) > 1]
        freedom = sum(len(values) - 1 for values in again)
        squares = sum((len(values) - 1) * statistics.variance(values) for values in again)
        own = max(0.0, squares - freedom * of_processes / LEAST_PROCESSES)
        return (PRIOR_FREEDOM * Spread().of_moments + own) / (PRIOR_FREEDOM + freedom)

    @property
    def usual_reference_ms(self) -> float | None:
        """The reference network's time at the usual pace; None where too little is known."""
        times_ms = [time_ms for item in self._past for time_ms in item.reference_ms]
        return statistics.median(times_ms) if len(times_ms) >= FEWEST_PACES else None

    @property
    def processes(self) -> int:
        """How many undisturbed processes a timing needs."""
        return LEAST_PROCESSES if self.spread.freedom >= ENOUGH_FREEDOM else 3

    def add(self, files: Sequence[str], found: Sequence[Finding], runs: Sequence[Run]) -> None:
        """Remember a timing; on a full or read-only disk it is forgotten with this process.

        The spread is that of timings without a flag. The pace is kept wherever no other program
        took part, slow or not: a machine that is slower for good is the usual one before long.
        """
        sound = [(file, of) for file, of in zip(files, found, strict=True) if of.flag is None]
        logs = [[math.log(ms) for ms in of.medians_ms] for _, of in sound]
        logs = [values for values in logs if len(values) > 1]
        timing = PastTiming(
            variance=statistics.fmean(map(statistics.variance, logs)) if logs else 0.0,
            freedom=len(logs[0]) - 1 if logs else 0,
            reference_ms=[r.reference_ms for r in runs if disturbance(r, math.inf) is None],
            medians={_hash(file): math.log(of.median_ms) for file, of in sound},
        )
        self._past = [*self._past, timing][-REMEMBERED:]
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(timing)) + "\n")


def _hash(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12]


def _read(path: Path) -> list[PastTiming]:
    """Return what is kept; lines that a kill cut short are left out."""
    past: list[PastTiming] = []
    if path.is_file():
        for line in path.read_text(errors="replace").splitlines()[-REMEMBERED:]:
            with suppress(ValueError, TypeError):
                past.append(PastTiming(**json.loads(line)))
    return past
