"""Milliseconds of ONNX files, taken in processes of their own. Needs NumPy and onnxruntime alone.

Each process loads the files afresh, warms up until the times are steady, and then runs them in
turns with a small reference network (``reference.onnx`` beside this file). A machine's pace drifts
from second to second; so each repeat is divided by what the reference network took just before and
after it, and times are those at the device's usual pace. The result is the median of the processes'
medians, with the interval in which one more process falls with 95 %. A disturbed process is
replaced; where too many are, ``flag`` says so. This file stands alone: front packages hold a copy.
"""

from __future__ import annotations

import gc
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

REFERENCE = Path(__file__).with_name("reference.onnx")

# A process is disturbed when other programs keep so much of all cores busy, one thread has no core
# for so much of the time, or the reference network is so much slower than usual that the pace no
# longer explains it. More processes run where half of the interval over the value is above WIDE.
BUSY_SHARE, WAITING_SHARE, SLOWER_REFERENCE, WIDE = 0.15, 0.03, 0.25, 0.06
# Student's 97.5 % points for 1, 2, ... degrees of freedom; beyond, an expansion right to 0.003.
STUDENT_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


class Spread(NamedTuple):
    """How logarithms of times differ: variances, that of processes with degrees of freedom."""

    of_processes: float = 0.0
    freedom: int = 0
    of_moments: float = 0.0135**2  # beyond that: of measurements of one file (repeatability.md)


UNKNOWN = Spread()


@dataclass(frozen=True)
class Effort:
    """How long to measure: until there are enough repeats or the time is up, whichever is first."""

    seconds: float = 1.2  # of repeats; the warm-up may take half as long again
    min_repeats: int = 11  # taken even where they last longer
    max_repeats: int = 200
    max_warmup: int = 20
    steady: float = 0.05  # the warm-up ends once three runs in a row differ by no more


@dataclass(frozen=True)
class Task:
    """What each process does; ``picture`` is a uint8 [H, W, 3] array, .npy, or None for noise."""

    files: list[str]
    picture: str | None = None
    threads: int = 1
    effort: Effort = field(default_factory=lambda: Effort(seconds=0.4))


@dataclass(frozen=True)
class Run:
    """What one process found: of each file the time of every repeat, and what went on meanwhile."""

    times_ms: list[list[float]]
    paces_ms: list[float]  # of each repeat: the reference network's time around it
    peak_memory_mib: float  # beyond what Python and the libraries take; 0 where not known
    busy_elsewhere: float  # 0 where not known
    waiting: float  # 0 with several threads
    runtime: dict[str, str]  # device and versions

    @property
    def reference_ms(self) -> float:
        """The reference network's time in this process."""
        return statistics.median(self.paces_ms)

    def times_at(self, usual_ms: float, index: int) -> list[float]:
        """Return the times of a file where the reference network takes ``usual_ms``."""
        both = zip(self.times_ms[index], self.paces_ms, strict=True)
        return [time_ms * usual_ms / pace_ms for time_ms, pace_ms in both]


@dataclass(frozen=True)
class Finding:
    """The time of one file over the processes that count; ``flag`` says why not to trust it."""

    median_ms: float
    interval_ms: tuple[float, float] | None
    p95_ms: float
    medians_ms: list[float]
    flag: str | None

    @property
    def half_width(self) -> float:
        """Half of the interval as a share of the time; 0 without an interval."""
        low, high = self.interval_ms or (0.0, 0.0)
        return (high - low) / (2.0 * self.median_ms)


class TimingError(Exception):
    """Says why a file cannot be timed."""


def start_process(task: Task) -> Run:
    """Do the task in a new process; a TimingError holds what it said where it failed."""
    command = [sys.executable, str(Path(__file__).resolve()), "--once", json.dumps(asdict(task))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TimingError((done.stderr.strip() or f"ended by {done.returncode}").splitlines()[-1])
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def measure(
    task: Task,
    *,
    processes: int = 3,
    spread: Spread = UNKNOWN,
    usual_reference_ms: float | None = None,
) -> tuple[list[Finding], list[Run]]:
    """Time files in fresh processes: undisturbed ones, and more where they differ much.

    There are at most two more than ``processes``. Where the device's ``usual_reference_ms`` is not
    known, it is that of these processes.
    """
    runs: list[Run] = []
    while True:
        runs.append(start_process(task))
        usual_ms = usual_reference_ms or statistics.median_low(run.reference_ms for run in runs)
        troubles = [disturbance(run, usual_ms) for run in runs]
        quiet = [run for run, trouble in zip(runs, troubles, strict=True) if trouble is None]
        enough, is_last = len(quiet) >= processes, len(runs) == processes + 2
        if enough or is_last:
            flag = None if enough else next(filter(None, reversed(troubles)))
            used = quiet if enough else runs
            times = [[run.times_at(usual_ms, at) for run in used] for at in range(len(task.files))]
            found = [_find(processes_ms, spread, flag) for processes_ms in times]
            if is_last or all(item.half_width <= WIDE for item in found):
                return found, runs


def disturbance(run: Run, usual_reference_ms: float) -> str | None:
    """Return in words what disturbed a process, or None."""
    if run.busy_elsewhere > BUSY_SHARE:
        return f"other programs kept {run.busy_elsewhere:.0%} of the cores busy"
    if run.waiting > WAITING_SHARE:
        return f"it had to wait for a core {run.waiting:.0%} of the time"
    if (slower := run.reference_ms / usual_reference_ms - 1.0) > SLOWER_REFERENCE:
        return f"the reference network took {slower:.0%} longer than usual (load or throttling)"
    return None


def predict_interval(
    medians_ms: Sequence[float], spread: Spread = UNKNOWN
) -> tuple[float, float] | None:
    """Return where the median of a process at another moment falls with 95 %, or None.

    Student's interval for one more value around the median of these, on logarithms; what is known
    of the spread counts as so many further degrees of freedom. Both moments have their own part.
    """
    logs, number = np.log(medians_ms), len(medians_ms)
    freedom = number - 1 + spread.freedom
    if freedom == 0:
        return None
    variance = (number * float(logs.var()) + spread.freedom * spread.of_processes) / freedom
    of_median = 1.0 / number if number < 3 else math.pi / (2 * number)
    points = (*STUDENT_975, 1.96 + 2.37 / freedom + 2.8 / freedom**2)[min(freedom, 11) - 1]
    wide = points**2 * variance * (1.0 + of_median) + 2.0 * (1.96**2) * spread.of_moments
    middle, factor = statistics.median(medians_ms), math.exp(math.sqrt(wide))
    return middle / factor, middle * factor


def _find(times_ms: list[list[float]], spread: Spread, flag: str | None) -> Finding:
    medians = [statistics.median(process) for process in times_ms]
    p95_ms = float(np.percentile(np.concatenate(times_ms), 95))
    interval = predict_interval(medians, spread)
    found = Finding(statistics.median(medians), interval, p95_ms, medians, flag)
    if flag is not None or found.half_width <= 2 * WIDE:
        return found
    return replace(found, flag=f"another process may differ by {found.half_width:.0%}")


def run_once(task: Task) -> Run:
    """Do the task in this process: warm up, then time the files in turns with the reference."""
    import onnxruntime

    def load(file: str, threads: int) -> Callable[[], float]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        feeds = {item.name: _content(item, task.picture) for item in session.get_inputs()}

        def once() -> float:
            began = time.perf_counter()
            session.run(None, feeds)
            return 1e3 * (time.perf_counter() - began)

        return once

    times: list[list[float]] = [[] for _ in task.files]
    gc.disable()  # or it would fall into some repeats alone
    warm_up(reference := load(str(REFERENCE), 1), task.effort)  # the pace of one core
    empty_mib = memory_mib("VmRSS")
    for once in (timed := [load(file, task.threads) for file in task.files]):
        warm_up(once, task.effort)
    before = _clocks()
    end_s = before[0] + task.effort.seconds
    between_ms = [reference() + reference()]
    for repeat in range(task.effort.max_repeats):
        if repeat >= task.effort.min_repeats and time.perf_counter() > end_s:
            break
        for once, taken in zip(timed, times, strict=True):
            taken.append(once())
        between_ms.append(reference() + reference())
    wall_s, own_s, all_s = (b - a for a, b in zip(before, _clocks(), strict=True))
    versions = {"numpy": np.__version__, "onnxruntime": onnxruntime.__version__}
    return Run(
        times_ms=times,
        paces_ms=[(one + next_) / 4.0 for one, next_ in pairwise(between_ms)],
        peak_memory_mib=memory_mib("VmHWM") - empty_mib,
        busy_elsewhere=max(0.0, all_s - own_s) / (wall_s * (os.cpu_count() or 1)),
        waiting=max(0.0, 1.0 - own_s / wall_s) if task.threads == 1 else 0.0,
        runtime={"device": describe_cpu(), "python": platform.python_version(), **versions},
    )


def warm_up(once: Callable[[], float], effort: Effort) -> None:
    """Call ``once``, which returns milliseconds, until three in a row agree, or to the limit."""
    times: list[float] = []
    while len(times) < effort.max_warmup and sum(times) < 500.0 * effort.seconds:
        times.append(once())
        latest = times[-3:]
        if len(latest) == 3 and max(latest) <= (1.0 + effort.steady) * min(latest):
            return


def _clocks() -> tuple[float, float, float]:
    """Return seconds by the clock, of this process on all cores, and of the whole machine."""
    wall_s, own_s = time.perf_counter(), time.process_time()
    # In ticks: user, nice, system, idle, waiting for a disk, interrupts (2), other machines.
    words = _linux("/proc/stat", "cpu ")
    if words is None:
        return wall_s, own_s, own_s
    ticks = list(map(int, words.split()[:8]))
    return wall_s, own_s, (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def memory_mib(field: str) -> float:
    """Return a size of this process from Linux: VmRSS, now, or VmHWM, the most ever; else 0."""
    return int((_linux("/proc/self/status", field) or "0").split()[0]) / 1024


def usable_cores() -> int:
    """Return how many cores this process may use, which a container may limit."""
    limited = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if limited else os.cpu_count() or 1


def describe_cpu() -> str:
    """Return the processor's name and how many of its cores this process may use."""
    name = _linux("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()
    return f"{name or 'unknown CPU'}, {(cores := usable_cores())} core{'s' * (cores > 1)}"


def _linux(file: str, field: str) -> str | None:
    text = Path(file).read_text(errors="replace") if Path(file).is_file() else ""
    found = re.search(rf"^{field}\s*:?\s*(.*\S)", text, re.MULTILINE)
    return found.group(1) if found else None


def _content(item: Any, picture: str | None) -> np.ndarray[Any, Any]:
    """Return what goes into an input: the picture where it takes one, else numbers of its shape."""
    rng = np.random.default_rng(0)
    if item.type == "tensor(uint8)":
        return np.load(picture) if picture else rng.integers(0, 256, (480, 640, 3), np.uint8)
    if item.type != "tensor(float)" or not all(isinstance(side, int) for side in item.shape):
        raise TimingError(f"cannot make up input {item.name!r}: {item.type} {item.shape}")
    return rng.standard_normal(item.shape).astype(np.float32)


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    asked = Task(**given | {"effort": Effort(**given["effort"])})
    try:
        sys.stdout.write(json.dumps(asdict(run_once(asked))) + "\n")
    except TimingError as error:
        sys.exit(str(error))
