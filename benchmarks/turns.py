"""Timing in turns: what is compared runs in one process, one after the other, again and again.

A machine that slows down for a while slows all of them, so that ratios within a turn stay true.
"""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from smnas.measure.latency import median_interval

Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}
"""``processor`` is for a busy machine: with one thread it is what a quiet one's clock would say."""


def time_in_turns(
    runs: Mapping[str, Callable[[], object]], rounds: int, clock: Clock
) -> dict[str, list[float]]:
    """Return the seconds of each run in each round; a round before them is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    gc.collect()
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = clock()
            run()
            if number:
                seconds[name].append(clock() - start)
    return seconds


def summarise(name: str, values: Sequence[float]) -> dict[str, object]:
    """Return the median under ``name``, and its 95 % interval (of under six values: their ends)."""
    low, high = median_interval(values)
    return {
        name: float(f"{statistics.median(values):.4g}"),
        f"{name}_interval": [float(f"{low:.4g}"), float(f"{high:.4g}")],
    }


def ratios(of: Sequence[float], over: Sequence[float]) -> list[float]:
    """Return ``of / over`` of each round."""
    return [one / other for one, other in zip(of, over, strict=True)]
