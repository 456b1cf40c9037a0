"""The settings of every search that is replayed, tuned on the first table with equal effort.

.venv/bin/python benchmarks/tuning.py --processes 2

Each entry tries as many settings of its own, each on as many seeds as the others', and none of the
seeds that the result is made of. That with the least median cost in seconds wins (with the least
mean among equals; what never arrives counts as the cap) and goes to `tuned.json`, which is
committed and which `search_efficiency.py` reads. What was replayed is kept in --records and is
not replayed again; `--untuned` writes the values that tuning begins with, and replays nothing.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from closed_table import TABLES, find_tables
from entries import TUNED, Changes, Entry, Tuned
from journal import Journal
from replays import KEPT, Cost, arrived, cap_of, capped, replay_all
from results import RESULTS, make_parser, write_result

FIRST_SEED = 1_000_000
"""Far from those of the result, which begin at 0."""
SETTINGS = 12
"""That each entry tries."""

RUNGS = {"rungs": 3, "eta": 3}
TODAY: dict[str, Entry] = {
    "smnas": Entry(algorithm="smnas"),
    "random": Entry(algorithm="random"),
    "local_search": Entry(algorithm="local-search"),
    "evolution": Entry(algorithm="evolution", changes={"population": 16}),
    "nsga2_8": Entry(algorithm="nsga2", changes={"population": 8}),
    "nsga2_16": Entry(algorithm="nsga2", changes={"population": 16}),
    "nsga2_50": Entry(algorithm="nsga2", changes={"population": 50}),
    "tpe": Entry(algorithm="tpe"),
    "mo_asha": Entry(algorithm="mo-asha", changes=RUNGS),
    "random_rungs": Entry(algorithm="random-rungs", changes=RUNGS),
    "nsga2_rungs": Entry(algorithm="nsga2-rungs", changes={**RUNGS, "population": 8}),
}


def cross(**choices: tuple[Any, ...]) -> list[Changes]:
    """Return every combination of some values of each setting."""
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def on_ladders(ladders: list[Changes], **choices: tuple[Any, ...]) -> list[Changes]:
    """Return every combination with each of some ladders of rungs."""
    return [{**ladder, **changes} for ladder in ladders for changes in cross(**choices)]


STARTS = ("stratified", "spread", "random")
COUNTS = (4, 8, 16, 32)
STARTS_ALONE = cross(start=STARTS, seeds=COUNTS)
LADDERS: list[Changes] = [
    # Rungs of 1, 3 and 9 epochs are in the table: all of them, or two.
    {"rungs": 3, "eta": 3},
    {"rungs": 2, "eta": 3},
    {"rungs": 2, "eta": 9},
]
WITH_RUNGS = on_ladders(LADDERS, start=("stratified", "random"), seeds=(8, 16))
GRIDS: dict[str, list[Changes]] = {
    "smnas": on_ladders([{}, LADDERS[1]], seeds=(4, 6, 8), screen_from=(10, 20)),
    "random": STARTS_ALONE,
    "local_search": STARTS_ALONE,
    "evolution": cross(population=(8, 16, 32), start=("stratified", "random"), seeds=(8, 16)),
    "nsga2_8": STARTS_ALONE,
    "nsga2_16": STARTS_ALONE,
    "nsga2_50": STARTS_ALONE,
    "tpe": STARTS_ALONE,
    "mo_asha": WITH_RUNGS,
    "random_rungs": WITH_RUNGS,
    "nsga2_rungs": on_ladders(LADDERS, population=(8, 16), seeds=(8, 16)),
}


def main() -> None:
    """Replay what is missing, and write who won."""
    parser = make_parser(__doc__, "tuning")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--tables", type=Path, default=RESULTS, help="folder of the tables")
    parser.add_argument("--records", type=Path, default=KEPT, help="replays that are kept")
    parser.add_argument("--tuned", type=Path, default=TUNED, help="where to write the winners")
    parser.add_argument("--entries", nargs="+", choices=tuple(GRIDS), help="only these")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--untuned", action="store_true", help="write what tuning begins with")
    arguments = parser.parse_args()
    if arguments.untuned:
        write_tuned(arguments.tuned, TODAY, tuned=False)
        return
    files = find_tables(arguments.tables)[TABLES[0]]
    names = arguments.entries or list(GRIDS)
    tried = {
        f"{name} {at}": TODAY[name].with_changes(changes)
        for name in names
        for at, changes in enumerate(GRIDS[name])
    }
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    records = Journal(arguments.records)
    costs = replay_all(files, tried, seeds, 1, processes=arguments.processes, records=records)
    cap = cap_of(files())
    found = {
        name: rank([(c, costs[f"{name} {at}"]) for at, c in enumerate(GRIDS[name])], cap)
        for name in names
    }
    winners = {name: TODAY[name].with_changes(found[name][0]["changes"]) for name in names}
    numbers = {"seeds": arguments.seeds, "settings_each": SETTINGS, "table": files.identity}
    write_result(arguments.json, {**numbers, "entries": found}, arguments.device)
    if set(winners) == set(TODAY):
        write_tuned(arguments.tuned, winners, tuned=True)


def rank(tried: list[tuple[Changes, list[Cost]]], cap: tuple[float, float]) -> list[dict[str, Any]]:
    """Return what each setting came to, the winner first."""
    costs = {str(at): of for at, (_, of) in enumerate(tried)}
    epochs, seconds = (list(capped(costs, cap, unit).values()) for unit in ("epochs", "seconds"))
    rows = [
        {
            "changes": dict(changes),
            "median_seconds": float(np.median(seconds[at])),
            "mean_seconds": float(np.mean(seconds[at])),
            "median_epochs": float(np.median(epochs[at])),
            "arrived": arrived(of),
        }
        for at, (changes, of) in enumerate(tried)
    ]
    return sorted(rows, key=lambda row: (row["median_seconds"], row["mean_seconds"]))


def write_tuned(path: Path, entries: dict[str, Entry], *, tuned: bool) -> None:
    """Write the entries as `entries.load_entries` reads them."""
    path.write_text(Tuned(tuned=tuned, entries=entries).model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
