"""What do searches cost that find the front? SM-NAS and its rivals, replayed on a closed table.

.venv/bin/python benchmarks/search_efficiency.py --seeds 200 --json FILE

A search sees validation AP of one training per member, drawn by its seed. It is scored by what it
would name as its front: the hypervolume of these members by test AP (mean over seeds) and log
latency, as a share of that of the whole table's front. Its cost is what it had spent when that
first reached 95 %, in epochs and in simulated seconds: trainings, cooldowns, evaluating, measuring,
start of a trial, failed trials, and the searcher's own thinking. A search that never arrives counts
as the cap. `ratio` is a rival's median cost over SM-NAS's; `ratio_low` and `_high` are a bootstrap
over paired seeds.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import numpy as np
from closed_table import ClosedTable, TableSpace, load_table, table_pair
from replay import Replay, make_settings
from results import RESULTS, make_parser, write_result

from smnas.search import Algorithm, SearchSettings
from smnas.search.algorithms import AlgorithmName, make_rival, rival_starts
from smnas.search.one_stage import OneStage, Rungs
from smnas.search.promotion import AshaRung
from smnas.search.proposers import SparseFront
from smnas.search.sm_nas import SmNas
from smnas.seeding import generator
from smnas.space.contract import SearchSpace
from smnas.trial.budget import Budget

SHARE = 0.95
REPLICATES = 2000
CAP_TRAININGS = 200
"""Whole trainings that a search may use: its cap."""
SLOTS = (1, 8)
Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """A search that is replayed: an algorithm and its tuned settings."""

    algorithm: str
    changes: tuple[tuple[str, Any], ...] = ()


RUNGS = (("rungs", 3), ("eta", 3))
ENTRIES: dict[str, Entry] = {
    "smnas": Entry("smnas", RUNGS),
    "random": Entry("random"),
    "local_search": Entry("local-search"),
    "evolution": Entry("evolution", (("population", 16),)),
    "nsga2_8": Entry("nsga2", (("population", 8),)),
    "nsga2_16": Entry("nsga2", (("population", 16),)),
    "nsga2_50": Entry("nsga2", (("population", 50),)),
    "tpe": Entry("tpe"),
    "mo_asha": Entry("mo-asha", RUNGS),
    "random_rungs": Entry("random-rungs", RUNGS),
    "nsga2_rungs": Entry("nsga2-rungs", (*RUNGS, ("population", 8))),
}
STAGES: dict[str, Entry] = {
    # Proof 7: both stages, one over both spaces, and modules around one fixed structure.
    "two_stages": Entry("smnas", (("plain", True),)),
    "joint": Entry("joint"),
    "modules_alone": Entry("modules-alone"),
}
RIVALS: dict[str, tuple[str, ...]] = {
    "random": ("random",),
    "nsga2": ("nsga2_8", "nsga2_16", "nsga2_50"),
    "tpe": ("tpe",),
    "mo_asha": ("mo_asha",),
    "best_with_rungs": ("random_rungs", "nsga2_rungs"),
}
"""What is reported: of several entries, the one with the least median cost."""

Costs = dict[str, list[tuple[float, float] | None]]
"""Epochs and seconds of each seed, by entry; None where it never arrived."""


def main() -> None:
    """Replay, and write the ratios."""
    parser = make_parser(__doc__, "search_efficiency")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--table", type=Path, default=RESULTS / "table_scenes.jsonl")
    parser.add_argument("--latency", type=Path, default=RESULTS / "table_latency.jsonl")
    parser.add_argument("--name", default="scenes", help="of the data that the table is made on")
    parser.add_argument("--entries", nargs="+", choices=(*ENTRIES, *STAGES), help="only these")
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    table = partial(load_table, arguments.table, arguments.latency)
    numbers: dict[str, Any] = {"seeds": arguments.seeds, "share": SHARE, "cap": CAP_TRAININGS}
    numbers["interval_rule"] = "95 %: paired seeds drawn again"
    by_slots: dict[str, Any] = {}
    for slots in SLOTS:
        names = arguments.entries or [*ENTRIES, *STAGES]
        costs = replay_all(table, names, range(arguments.seeds), slots, arguments.processes)
        by_slots[f"slots_{slots}"] = sum_up(costs, cap_of(table()))
    numbers[arguments.name] = {
        **by_slots["slots_1"]["seconds"],
        "arrived": by_slots["slots_1"]["arrived"],
        **by_slots,
    }
    write_result(arguments.json, numbers, arguments.device)


def replay_all(
    table: Callable[[], ClosedTable],
    names: Sequence[str],
    seeds: Iterable[int],
    slots: int,
    processes: int = 1,
) -> Costs:
    """Return the costs of every entry and seed; processes share the work."""
    jobs = [(name, seed) for name in names for seed in seeds]
    work = partial(_replay_job, table, slots)
    if processes == 1:
        found = list(map(work, jobs))
    else:
        with ProcessPoolExecutor(processes, get_context("forkserver")) as pool:
            found = list(pool.map(work, jobs, chunksize=4))
    costs: Costs = {name: [] for name in names}
    for (name, _), cost in zip(jobs, found, strict=True):
        costs[name].append(cost)
    return costs


def _replay_job(
    table: Callable[[], ClosedTable], slots: int, job: tuple[str, int]
) -> tuple[float, float] | None:
    name, seed = job
    entry = {**ENTRIES, **STAGES}[name]
    loaded = _loaded(table)
    settings = settings_of(entry, loaded, seed)
    curve = Replay(loaded, settings, slots).play(make_entry(entry, settings), SHARE)
    return curve.cost_to(SHARE)


@cache
def _loaded(table: Callable[[], ClosedTable]) -> ClosedTable:
    return table()


def settings_of(entry: Entry, table: ClosedTable, seed: int) -> SearchSettings:
    """Return an entry's settings: what it says of the parts of a search, and of the search."""
    changes = dict(entry.changes)
    parts = {name: changes.pop(name) for name in ("rungs", "eta") if name in changes}
    if changes.pop("plain", False):
        parts |= PLAIN_PARTS
    return make_settings(seed, CAP_TRAININGS, top_of(table), parts=parts, **changes)


PLAIN_PARTS: Changes = {
    "start": "random",
    "parents": "sparse",
    "screening": "none",
    "pruning": False,
}


def top_of(table: ClosedTable) -> Budget:
    """Return the budget of a whole training in the table."""
    rungs = next(m.trainings[0] for m in table.members.values() if m.trainings)
    return Budget(epochs=rungs[-1].epochs)


def make_entry(entry: Entry, settings: SearchSettings) -> Algorithm:
    """Return the algorithm of an entry, over the table's spaces."""
    space = TableSpace()
    pair = table_pair(space)
    if entry.algorithm == "smnas":
        return SmNas(pair, settings)
    starts = rival_starts(pair, settings)
    if entry.algorithm in ("joint", "modules-alone"):
        searched: SearchSpace = space
        if entry.algorithm == "modules-alone":
            searched = pair.modular.around(pair.yardstick)
            starts = [searched.entry]
        proposer = SparseFront(searched, settings.cost, settings.random_share)
        no_rungs = Rungs((settings.stage_two,), lambda: AshaRung(()), 2)
        return OneStage(pair, settings, searched, proposer, starts, no_rungs)
    return make_rival(cast(AlgorithmName, entry.algorithm), pair, settings, space, starts)


def cap_of(table: ClosedTable) -> tuple[float, float]:
    """Return epochs and seconds of the cap: as many whole trainings of a typical member."""
    epochs = CAP_TRAININGS * top_of(table).epochs
    trained = [(m, m.trainings[0][-1]) for m in table.members.values() if m.trainings]
    seconds = statistics.mean(
        m.start_seconds + m.time_seconds + top.epochs * top.seconds_per_epoch + top.evaluate_seconds
        for m, top in trained
    )
    return epochs, CAP_TRAININGS * seconds


def sum_up(costs: Costs, cap: tuple[float, float]) -> dict[str, Any]:
    """Return medians, shares of arrival and ratios, in epochs and in seconds."""
    numbers: dict[str, Any] = {
        "arrived": {name: np.mean([c is not None for c in of]) for name, of in costs.items()}
    }
    for unit, at in (("epochs", 0), ("seconds", 1)):
        values = {
            name: np.array([cap[at] if c is None else c[at] for c in of])
            for name, of in costs.items()
        }
        medians = {name: float(np.median(of)) for name, of in values.items()}
        numbers[unit] = {"median": medians, **ratios(values, medians)}
    return numbers


def ratios(
    values: Mapping[str, np.ndarray], medians: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Return each rival's median cost over SM-NAS's, with the ends of its interval."""
    found: dict[str, dict[str, float]] = {"ratio": {}, "ratio_low": {}, "ratio_high": {}}
    if "smnas" not in values:
        return found
    ours = values["smnas"]
    drawn = generator(0, "replays").integers(0, len(ours), (REPLICATES, len(ours)))
    for rival, names in RIVALS.items():
        able = [name for name in names if name in values]
        if not able:
            continue
        best = min(able, key=medians.__getitem__)
        again = np.median(values[best][drawn], axis=1) / np.median(ours[drawn], axis=1)
        low, high = np.percentile(again, [2.5, 97.5])
        found["ratio"][rival] = medians[best] / medians["smnas"]
        found["ratio_low"][rival], found["ratio_high"][rival] = float(low), float(high)
    return found


if __name__ == "__main__":
    main()
