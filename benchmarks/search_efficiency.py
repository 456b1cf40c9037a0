"""What do searches cost that find the front? SM-NAS and its rivals, replayed on closed tables.

.venv/bin/python benchmarks/search_efficiency.py --seeds 200 --processes 2 --json FILE

A search sees validation AP of one training per member, drawn by its seed. It is scored by what it
would name as its front: the hypervolume of these members by test AP (mean over seeds) and log
latency, as a share of that of the whole table's front. Its cost is what it had spent when that
first reached `goal`, in epochs and in simulated seconds: trainings, cooldowns, evaluating,
measuring, start of a trial, failed trials, and the searcher's own thinking. A search that never
arrives counts as the cap. `ratio` is a rival's median cost over SM-NAS's; `ratio_low` and `_high`
are a bootstrap over paired seeds. `score_of_all` is what a search would score that had trained
every member once; the goal is 95 % of the whole table's front, or of that score where it is lower
than 95 %.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from closed_table import TableFiles, find_tables
from entries import CAP_TRAININGS, STAGES, Entry, load_entries
from journal import Journal
from replays import (
    INTERVAL_RULE,
    KEPT,
    UNITS,
    Costs,
    Numbers,
    arrived,
    cap_of,
    capped,
    compare,
    goal_of,
    replay_all,
    score_of_all,
)
from results import RESULTS, make_parser, write_result

SLOTS = (1, 8)
RIVALS: dict[str, tuple[str, ...]] = {
    "random": ("random",),
    "nsga2": ("nsga2_8", "nsga2_16", "nsga2_50"),
    "tpe": ("tpe",),
    "mo_asha": ("mo_asha",),
    "best_with_rungs": ("random_rungs", "nsga2_rungs"),
}
"""What is reported: of several entries, the one with the least median cost."""


def main() -> None:
    """Replay, and write the ratios."""
    parser = make_parser(__doc__, "search_efficiency")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--tables", type=Path, default=RESULTS, help="folder of the tables")
    entries = {**load_entries(), **STAGES}
    parser.add_argument("--entries", nargs="+", choices=tuple(entries), help="only these")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--records", type=Path, default=KEPT, help="replays that are kept")
    arguments = parser.parse_args()
    chosen = {name: entries[name] for name in arguments.entries or entries}
    numbers: dict[str, Any] = {"seeds": arguments.seeds, "cap": CAP_TRAININGS}
    numbers["interval_rule"] = INTERVAL_RULE
    replay = partial(replay_all, processes=arguments.processes, records=Journal(arguments.records))
    for name, table in find_tables(arguments.tables).items():
        numbers[name] = replay_table(table, chosen, range(arguments.seeds), replay)
    write_result(arguments.json, numbers, arguments.device)


def replay_table(
    files: TableFiles, entries: Mapping[str, Entry], seeds: range, replay: Callable[..., Costs]
) -> dict[str, Any]:
    """Return the numbers of one table: those of one slot in seconds, then all of them."""
    table = files()
    cap = cap_of(table)
    by_slots = {
        f"slots_{slots}": sum_up(replay(files, entries, seeds, slots), cap) for slots in SLOTS
    }
    return {
        **by_slots["slots_1"]["seconds"],
        "arrived": by_slots["slots_1"]["arrived"],
        "goal": goal_of(table),
        "score_of_all": score_of_all(table),
        "members": len(table.members),
        **by_slots,
    }


def sum_up(costs: Costs, cap: tuple[float, float]) -> dict[str, Any]:
    """Return medians, shares of arrival and ratios, in epochs and in seconds."""
    numbers: dict[str, Any] = {"arrived": {name: arrived(of) for name, of in costs.items()}}
    for unit in UNITS:
        values = capped(costs, cap, unit)
        medians = {name: float(np.median(of)) for name, of in values.items()}
        numbers[unit] = {"median": medians, **ratios(values, medians)}
    return numbers


def ratios(
    values: Mapping[str, Numbers], medians: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Return each rival's median cost over SM-NAS's, with the ends of its interval."""
    found: dict[str, dict[str, float]] = {"ratio": {}, "ratio_low": {}, "ratio_high": {}}
    if "smnas" not in values:
        return found
    for rival, names in RIVALS.items():
        able = [name for name in names if name in values]
        if able:
            best = min(able, key=medians.__getitem__)
            for name, value in compare(values[best], values["smnas"]).items():
                found[name][rival] = value
    return found


if __name__ == "__main__":
    main()
