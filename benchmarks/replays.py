"""Many replays: what each entry and seed cost, and how medians of costs compare."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from closed_table import ClosedTable
from entries import CAP_TRAININGS, Entry, make_entry, settings_of, top_of
from numpy.typing import NDArray
from replay import Replay

from smnas.seeding import generator

SHARE = 0.95
"""Of the reference hypervolume: a search has arrived."""
REPLICATES = 2000
INTERVAL_RULE = "95 %: paired seeds drawn again"
UNITS = ("epochs", "seconds")

MakeTable = Callable[[], ClosedTable]
"""Compares by value, and can be pickled: `closed_table.TableFiles`, or a function."""
Cost = tuple[float, float] | None
"""Epochs and seconds to where it arrived; None where it never did."""
Costs = dict[str, list[Cost]]
"""Of each seed, by entry."""
Numbers = NDArray[np.float64]


def replay_all(
    table: MakeTable,
    entries: Mapping[str, Entry],
    seeds: Iterable[int],
    slots: int,
    processes: int = 1,
) -> Costs:
    """Return the costs of every entry and seed; processes share the work."""
    jobs = [(name, seed) for name in entries for seed in seeds]
    work = partial(_replay_job, table, dict(entries), slots)
    if processes == 1:
        found = list(map(work, jobs))
    else:
        with ProcessPoolExecutor(processes, get_context("forkserver")) as pool:
            found = list(pool.map(work, jobs, chunksize=4))
    costs: Costs = {name: [] for name in entries}
    for (name, _), cost in zip(jobs, found, strict=True):
        costs[name].append(cost)
    return costs


def _replay_job(
    table: MakeTable, entries: Mapping[str, Entry], slots: int, job: tuple[str, int]
) -> Cost:
    return replay_once(table, entries[job[0]], job[1], slots)


def replay_once(table: MakeTable, entry: Entry, seed: int, slots: int) -> Cost:
    """Return what one search cost."""
    loaded = _loaded(table)
    settings = settings_of(entry, loaded, seed)
    algorithm = make_entry(entry, settings, loaded)
    return Replay(loaded, settings, slots).play(algorithm, SHARE).cost_to(SHARE)


@cache
def _loaded(table: MakeTable) -> ClosedTable:
    return table()


def cap_of(table: ClosedTable) -> tuple[float, float]:
    """Return epochs and seconds of the cap: as many whole trainings of a typical member."""
    epochs = CAP_TRAININGS * top_of(table).epochs
    trained = [(m, m.trainings[0][-1]) for m in table.members.values() if m.trainings]
    seconds = statistics.mean(
        m.start_seconds + m.time_seconds + top.epochs * top.seconds_per_epoch + top.evaluate_seconds
        for m, top in trained
    )
    return epochs, CAP_TRAININGS * seconds


def arrived(costs: Iterable[Cost]) -> float:
    """Return the share of the seeds that arrived."""
    return float(np.mean([cost is not None for cost in costs]))


def capped(costs: Costs, cap: tuple[float, float], unit: str) -> dict[str, Numbers]:
    """Return the costs in a unit by entry; what never arrived counts as the cap."""
    at = UNITS.index(unit)
    return {
        name: np.array([cap[at] if cost is None else cost[at] for cost in of])
        for name, of in costs.items()
    }


def compare(of: Numbers, over: Numbers) -> dict[str, Any]:
    """Return the ratio of two medians over the same seeds, with the ends of its interval."""
    drawn = generator(0, "replays").integers(0, len(over), (REPLICATES, len(over)))
    again = np.median(of[drawn], axis=1) / np.median(over[drawn], axis=1)
    low, high = np.percentile(again, [2.5, 97.5]).tolist()
    return {"ratio": float(np.median(of) / np.median(over)), "ratio_low": low, "ratio_high": high}
