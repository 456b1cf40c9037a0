"""Milliseconds for one picture, by clock, through the ``predict`` that accuracy is taken with."""

import gc
import math
import statistics
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray

from smnas.measure.protocol import (
    TORCH_EAGER,
    Predictor,
    Runtime,
    describe_device,
    library_versions,
)
from smnas.measure.standalone import Effort, warm_up
from smnas.trial.measurement import LatencyProtocol, Measurement

STAND_IN = "stand-in"
_STAND_IN_BASE_MS = 2.0
_STAND_IN_MS_PER_G = 25.0
_TAIL = 0.025


@dataclass(frozen=True)
class Timing:
    """Times of single predictions, in the order in which they were taken."""

    times_ms: tuple[float, ...]
    protocol: LatencyProtocol

    @property
    def median(self) -> Measurement:
        """``latency_ms``: the median, with the 95 % interval of the median of these repeats.

        The interval comes from the order of the times (binomial, no distribution assumed). It says
        how well this process knows its median; another process may differ by more.
        """
        return Measurement(
            metric="latency_ms",
            value=statistics.median(self.times_ms),
            unit="ms",
            interval=median_interval(self.times_ms),
            protocol=self.protocol,
        )

    @property
    def p95(self) -> Measurement:
        """``latency_p95_ms``: the time that 19 of 20 predictions stay below."""
        return Measurement(
            metric="latency_p95_ms",
            value=float(np.percentile(self.times_ms, 95)),
            unit="ms",
            protocol=self.protocol,
        )


def measure_latency(
    predictor: Predictor,
    picture_HW3: NDArray[np.uint8],
    device: torch.device | str,
    *,
    runtime: Runtime = TORCH_EAGER,
    effort: Effort | None = None,
) -> Measurement:
    """Return ``latency_ms``: the median time of one prediction. See ``time_predictions``."""
    return time_predictions(predictor, picture_HW3, device, runtime=runtime, effort=effort).median


def time_predictions(
    predictor: Predictor,
    picture_HW3: NDArray[np.uint8],
    device: torch.device | str,
    *,
    runtime: Runtime = TORCH_EAGER,
    effort: Effort | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Time ``predict`` on one picture, again and again: fitting, network and post-processing.

    Runs until the times are steady, then takes repeats. Python's garbage collector is off
    meanwhile, and a GPU is waited for before each look at the clock.

    Args:
        predictor: What is timed.
        picture_HW3: The picture, in memory: reading it from disk is not timed.
        device: Where the predictor runs.
        runtime: What runs it, for the protocol.
        effort: How long to measure.
        clock: Seconds from any start.

    Returns:
        All times, and how they were taken: the protocol holds the limits of warm-up and repeats,
        not how many there were, so that it is the same for all detectors that are compared.
    """
    effort = effort or Effort()
    device = torch.device(device)

    def once() -> float:
        _synchronise(device)
        start = clock()
        predictor.predict(picture_HW3)
        _synchronise(device)
        return 1e3 * (clock() - start)

    with _no_garbage_collection():
        warm_up(once, effort)
        times = _repeat(once, effort)
    return Timing(tuple(times), latency_protocol(device, runtime, effort))


def latency_protocol(
    device: torch.device | str, runtime: Runtime = TORCH_EAGER, effort: Effort | None = None
) -> LatencyProtocol:
    """Return how ``time_predictions`` takes times."""
    effort = effort or Effort()
    return LatencyProtocol(
        runtime=runtime.name,
        precision=runtime.precision,
        device=describe_device(device),
        batch=1,
        threads=torch.get_num_threads(),
        warmup=effort.max_warmup,
        repeats=effort.max_repeats,
        versions=library_versions(),
    )


def stand_in_latency(macs_g: float) -> Measurement:
    """Return a ``latency_ms`` that no clock was read for: it follows from the multiply-adds alone.

    With it a whole search can be replayed and gives the same numbers on every machine. Its protocol
    says ``stand-in``, so that it is never compared with a measured time.
    """
    return Measurement(
        metric="latency_ms",
        value=_STAND_IN_BASE_MS + _STAND_IN_MS_PER_G * macs_g,
        unit="ms",
        protocol=LatencyProtocol(
            runtime=STAND_IN,
            precision="none",
            device="none",
            batch=1,
            threads=0,
            warmup=0,
            repeats=0,
            versions={},
        ),
    )


def median_interval(times_ms: Sequence[float]) -> tuple[float, float]:
    """Return the times between which the true median lies with at least 95 % confidence.

    Each time falls below it with probability 1/2, so the count of those below is binomial; the
    ranks are the narrowest whose coverage reaches 95 %, or the ends where there are under six.
    """
    ordered = sorted(times_ms)
    count = len(ordered)
    chances = (math.comb(count, below) * 0.5**count for below in range(count))
    rank = max(sum(tail <= _TAIL for tail in accumulate(chances)) - 1, 0)
    return ordered[rank], ordered[count - 1 - rank]


def _repeat(once: Callable[[], float], effort: Effort) -> list[float]:
    times: list[float] = []
    while len(times) < effort.max_repeats:
        if len(times) >= effort.min_repeats and sum(times) >= 1e3 * effort.seconds:
            break
        times.append(once())
    return times


def _synchronise(device: torch.device) -> None:
    """Wait for a GPU; a CPU has no queue."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _no_garbage_collection() -> Generator[None, None, None]:
    """Collect once, then keep the collector off; it would fall into some repeats and not others."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
