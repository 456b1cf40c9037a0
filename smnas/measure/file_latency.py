"""Milliseconds of an exported file, taken in fresh processes by ``standalone``."""

import statistics
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smnas.errors import MeasurementError
from smnas.measure.latency_history import LatencyHistory
from smnas.measure.memory import measured_peak_memory
from smnas.measure.protocol import Runtime, library_versions
from smnas.measure.standalone import Effort, Finding, Task, TimingError, describe_cpu, measure
from smnas.trial.measurement import LatencyProtocol, Measurement

ONNXRUNTIME_CPU = Runtime("onnxruntime", "float32")
LIBRARIES = ("numpy", "onnxruntime")
"""Whose versions can move a time: the processes load nothing else."""
SHORT = Effort(seconds=0.4)
"""Of each process; with loading the file a measurement takes two to three seconds."""


def measure_latency_of_file(
    file: Path,
    picture_HW3: NDArray[np.uint8],
    *,
    threads: int,
    runtime: Runtime = ONNXRUNTIME_CPU,
    effort: Effort = SHORT,
) -> tuple[Measurement, ...]:
    """Time an exported detector on a picture, from pixels to boxes, in fresh processes.

    Takes two to three seconds for a detector of some milliseconds, longer where processes were
    disturbed or differ much. What the device has shown before counts (``LatencyHistory``).

    Args:
        file: The ONNX file.
        picture_HW3: The picture, in memory: reading it from disk is not timed.
        threads: Of onnxruntime within an operator.
        runtime: What runs it, for the protocol.
        effort: How long to measure in each process.

    Returns:
        ``latency_ms``, the median, with the interval in which one more process falls with 95 %, and
        ``latency_p95_ms``, the time that 19 of 20 predictions stay below. Where the machine was too
        busy or too unsteady, even after more processes, ``flag`` says so. And ``peak_memory_mib``,
        the most resident memory less what Python and the libraries take, where the system says it.

    Raises:
        MeasurementError: onnxruntime cannot run the file.
    """
    versions = library_versions(LIBRARIES)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.npy"
        np.save(picture, picture_HW3)
        task = Task([str(file)], str(picture), threads, effort)
        history = LatencyHistory.of(task, {"device": describe_cpu(), **versions})
        try:
            (found,), runs = measure(
                task,
                processes=history.processes,
                spread=history.spread,
                usual_reference_ms=history.usual_reference_ms,
            )
        except TimingError as error:
            raise MeasurementError(f"{file}: cannot be timed: {error}") from error
        history.add(task.files, [found], runs)
    protocol = file_latency_protocol(threads, runtime, effort)
    peak_mib = statistics.median(run.peak_memory_mib for run in runs)
    memory = () if peak_mib <= 0.0 else (measured_peak_memory(peak_mib),)
    return _median(found, protocol), _p95(found, protocol), *memory


def file_latency_protocol(
    threads: int, runtime: Runtime = ONNXRUNTIME_CPU, effort: Effort = SHORT
) -> LatencyProtocol:
    """Return how ``measure_latency_of_file`` takes times."""
    return LatencyProtocol(
        runtime=runtime.name,
        precision=runtime.precision,
        device=describe_cpu(),
        batch=1,
        threads=threads,
        warmup=effort.max_warmup,
        repeats=effort.max_repeats,
        fresh_processes=True,
        at_usual_pace=True,
        versions=library_versions(LIBRARIES),
    )


def _median(found: Finding, protocol: LatencyProtocol) -> Measurement:
    return Measurement(
        metric="latency_ms",
        value=found.median_ms,
        unit="ms",
        interval=found.interval_ms,
        protocol=protocol,
        flag=found.flag,
    )


def _p95(found: Finding, protocol: LatencyProtocol) -> Measurement:
    return Measurement(
        metric="latency_p95_ms", value=found.p95_ms, unit="ms", protocol=protocol, flag=found.flag
    )
