"""The settings of every search that is replayed, tuned on the first table with equal effort.

.venv/bin/python benchmarks/tuning.py --processes 2

Each entry tries as many settings of its own, each on as many seeds as the others', and none of the
seeds that the result is made of. That with the least median cost in seconds wins (with the least
mean among equals; what never arrives counts as the cap) and goes to `tuned.json`, which is
committed and which `search_efficiency.py` reads. What was replayed is in --records and is not
replayed again; `--untuned` writes the values that tuning begins with, and replays nothing.
"""

import hashlib
import json
from collections.abc import Collection
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from closed_table import TABLES, TableFiles, find_tables
from entries import TUNED, Changes, Entry, Tuned
from journal import Journal, Record
from replays import Costs, arrived, cap_of, capped, replay_once
from results import RESULTS, make_parser, write_result
from side_by_side import Piece, finish

FIRST_SEED = 1_000_000
"""Far from those of the result, which begin at 0."""
SETTINGS = 12
"""That each entry tries."""

RUNGS = {"rungs": 3, "eta": 3}
TODAY: dict[str, Entry] = {
    "smnas": Entry(algorithm="smnas", changes=RUNGS),
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
    "smnas": on_ladders(LADDERS[:2], stage_one_share=(0.1, 0.3, 0.6), allocation=("share", "gain")),
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
    parser.add_argument("--records", type=Path, default=RESULTS / "tuning.jsonl")
    parser.add_argument("--tuned", type=Path, default=TUNED, help="where to write the winners")
    parser.add_argument("--entries", nargs="+", choices=tuple(GRIDS), help="only these")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--budget-minutes", type=float, help="begin nothing after that; else all")
    parser.add_argument("--untuned", action="store_true", help="write what tuning begins with")
    arguments = parser.parse_args()
    if arguments.untuned:
        write_tuned(arguments.tuned, TODAY, tuned=False)
        return
    records, table = Journal(arguments.records), find_tables(arguments.tables)[TABLES[0]]
    names = arguments.entries or list(GRIDS)
    pieces = {
        (name, at): make_piece(name, changes, table, arguments.seeds)
        for name in names
        for at, changes in enumerate(GRIDS[name])
    }
    finish(
        records,
        partial(next_missing, list(pieces.values())),
        processes=arguments.processes,
        minutes=arguments.budget_minutes,
        tell=lambda record: print(record["entry"], record["changes"], flush=True),
    )
    missing = [piece.key for piece in pieces.values() if piece.key not in records]
    if missing:
        print(f"{len(missing)} of {len(pieces)} settings are still to be replayed")
        return
    cap = cap_of(table())
    found = {
        name: rank([records[pieces[name, at].key] for at in range(SETTINGS)], cap) for name in names
    }
    winners = {name: TODAY[name].with_changes(found[name][0]["changes"]) for name in names}
    numbers = {"seeds": arguments.seeds, "settings_each": SETTINGS, "table": identify(table)}
    write_result(arguments.json, {**numbers, "entries": found}, arguments.device)
    if set(winners) == set(TODAY):
        write_tuned(arguments.tuned, winners, tuned=True)


def make_piece(name: str, changes: Changes, table: TableFiles, seeds: int) -> Piece:
    """Return the replays of one setting."""
    entry = TODAY[name].with_changes(changes)
    key = f"{name} {json.dumps(entry.changes, sort_keys=True)} x{seeds} {identify(table)}"
    work = partial(replay_setting, table, entry, seeds)
    return Piece(key, work, {"entry": name, "changes": changes})


@cache
def identify(table: TableFiles) -> str:
    """Return what changes when the table does."""
    content = table.records.read_bytes() + table.latencies.read_bytes()
    return hashlib.sha256(content).hexdigest()[:8]


def next_missing(pieces: list[Piece], begun: Collection[str]) -> Piece | None:
    """Return the first piece that was not begun."""
    return next((piece for piece in pieces if piece.key not in begun), None)


def replay_setting(table: TableFiles, entry: Entry, seeds: int) -> Record:
    """Return what each seed cost, with one slot."""
    drawn = range(FIRST_SEED, FIRST_SEED + seeds)
    return {"costs": [replay_once(table, entry, seed, slots=1) for seed in drawn]}


def rank(records: list[Record], cap: tuple[float, float]) -> list[dict[str, Any]]:
    """Return what each setting came to, the winner first."""
    costs: Costs = {str(at): record["costs"] for at, record in enumerate(records)}
    epochs, seconds = (list(capped(costs, cap, unit).values()) for unit in ("epochs", "seconds"))
    rows = [
        {
            "changes": record["changes"],
            "median_seconds": float(np.median(seconds[at])),
            "mean_seconds": float(np.mean(seconds[at])),
            "median_epochs": float(np.median(epochs[at])),
            "arrived": arrived(record["costs"]),
        }
        for at, record in enumerate(records)
    ]
    return sorted(rows, key=lambda row: (row["median_seconds"], row["mean_seconds"]))


def write_tuned(path: Path, entries: dict[str, Entry], *, tuned: bool) -> None:
    """Write the entries as `entries.load_entries` reads them."""
    path.write_text(Tuned(tuned=tuned, entries=entries).model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    main()
