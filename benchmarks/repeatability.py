"""Whether a time holds: repeats in new processes against the interval of each measurement.

.venv/bin/python benchmarks/repeatability.py

Five detectors are timed as a search times its candidates, in turns, again and again. Each time is a
measurement with an interval and perhaps a flag; a repeat in a new process is every process of every
other measurement of the same detector. Then it is all done once more under a background load that
the script starts itself: as many busy programs as there are cores. Nothing else may run meanwhile.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from detector_files import write_detectors
from results import make_parser, write_result

from smnas.measure.file_latency import SHORT
from smnas.measure.latency_history import LatencyHistory
from smnas.measure.standalone import Finding, Run, Task, measure

SETTLING_S = 2.0
"""Before the first repeat under load, so that all programs of the load run."""


@dataclass(frozen=True)
class Timed:
    """One measurement, its processes, and what it took."""

    found: Finding
    runs: list[Run]
    seconds: float


def main() -> None:
    """Measure, and write what came of it."""
    parser = make_parser(__doc__, "repeatability")
    parser.add_argument("--repeats", type=int, default=20, help="of each detector, quiet")
    parser.add_argument("--loaded", type=int, default=8, help="of each detector, under load")
    parser.add_argument("--threads", type=int, default=1, help="of onnxruntime")
    parser.add_argument("--small", action="store_true", help="tiny detectors, for a trial of this")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SMNAS_CACHE_DIR"] = folder  # what was timed before this does not count
        files = write_detectors(Path(folder), 64 if arguments.small else 320)
        numbers = take_all(files, Path(folder), arguments)
    write_result(arguments.json, numbers, arguments.device)


def take_all(
    files: Mapping[str, Path], folder: Path, arguments: argparse.Namespace
) -> dict[str, object]:
    """Return the shares and widths, quiet and under load."""
    picture = folder / "picture.npy"
    np.save(picture, np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8))
    tasks = {
        name: Task([str(file)], str(picture), arguments.threads, SHORT)
        for name, file in files.items()
    }
    quiet = take(tasks, arguments.repeats)
    with background_load(os.cpu_count() or 1):
        time.sleep(SETTLING_S)
        loaded = take(tasks, arguments.loaded)
    return summarise(quiet) | {
        "flagged_under_load": flagged_share(loaded),
        "threads": arguments.threads,
        "repeats": arguments.repeats,
        "detectors": {name: describe(taken) for name, taken in quiet.items()},
    }


def take(tasks: Mapping[str, Task], repeats: int) -> dict[str, list[Timed]]:
    """Return the measurements of each detector, taken in turns as a search takes them."""
    taken: dict[str, list[Timed]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            began = time.perf_counter()
            history = LatencyHistory.of(task, {})
            (found,), runs = measure(
                task,
                processes=history.processes,
                spread=history.spread,
                usual_reference_ms=history.usual_reference_ms,
            )
            history.add(task.files, [found], runs)
            taken[name].append(Timed(found, runs, time.perf_counter() - began))
    return taken


@contextmanager
def background_load(programs: int) -> Generator[None, None, None]:
    """Keep as many programs busy with arithmetic and memory as told, inside the block."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=toil, daemon=True) for _ in range(programs)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def toil() -> None:
    """Multiply matrices for ever."""
    matrix = np.ones((400, 400), np.float32)
    while True:
        matrix @ matrix


def summarise(taken: Mapping[str, Sequence[Timed]]) -> dict[str, object]:
    """Return how often a repeat fell into an interval, and how wide these were."""
    inside = [hit for timed in taken.values() for hit in repeats_inside(timed)]
    everything = [item for timed in taken.values() for item in timed]
    widths = [item.found.half_width for item in everything if item.found.flag is None]
    return {
        "share_in_interval": round(statistics.fmean(inside), 4) if inside else None,
        "half_width": round(statistics.median(widths), 4) if widths else None,
        "half_width_p95": round(float(np.percentile(widths, 95)), 4) if widths else None,
        "flagged_quiet": flagged_share(taken),
        "measurements": len(everything),
        "seconds_per_measurement": round(statistics.median(i.seconds for i in everything), 2),
    }


def repeats_inside(timed: Sequence[Timed]) -> list[bool]:
    """Return for each measurement and each process of another whether it fell into the interval."""
    sound = [item.found for item in timed if item.found.flag is None]
    return [
        one.interval_ms[0] <= median_ms <= one.interval_ms[1]
        for one in sound
        for other in sound
        if other is not one and one.interval_ms is not None
        for median_ms in other.medians_ms
    ]


def flagged_share(taken: Mapping[str, Sequence[Timed]]) -> float:
    """Return the share of measurements with a flag."""
    flags = [item.found.flag is not None for timed in taken.values() for item in timed]
    return round(statistics.fmean(flags), 4)


def describe(timed: Sequence[Timed]) -> dict[str, object]:
    """Return what one detector's measurements have shown."""
    inside = repeats_inside(timed)
    medians = [ms for item in timed if item.found.flag is None for ms in item.found.medians_ms]
    reference = [run.reference_ms for item in timed for run in item.runs]
    uncorrected = [
        statistics.median(run.times_ms[0])
        for item in timed
        if item.found.flag is None
        for run in item.runs
    ]
    return {
        "latency_ms": round(statistics.median(item.found.median_ms for item in timed), 3),
        "spread_between_processes": round(float(np.std(np.log(medians))), 4) if medians else None,
        "spread_at_the_moments_pace": round(float(np.std(np.log(uncorrected))), 4)
        if uncorrected
        else None,
        "reference_spread": round(float(np.std(np.log(reference))), 4),
        "share_in_interval": round(statistics.fmean(inside), 4) if inside else None,
        "flags": sorted({item.found.flag for item in timed if item.found.flag is not None}),
    }


if __name__ == "__main__":
    main()
