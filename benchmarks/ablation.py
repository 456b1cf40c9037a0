"""What each part of SM-NAS is worth: off in turn, and alone on top of plain rungs.

.venv/bin/python benchmarks/ablation.py --seeds 100 --processes 2 --json FILE

The entries are replayed on the closed table as in `search_efficiency.py`:
- full: SM-NAS as it was tuned; without_PART: that part off; with_PART: one that is off there on.
- plain: rungs and nothing else; only_PART: one part on top of that; paper: not even rungs.
- screening_by_macs: the ensemble sees multiply-adds in place of the arch.
- mo_asha: random members, MO-ASHA's rungs; random_rungs: the same with our rule of who goes up.

Each has its median cost, the share of seeds that arrived, and the ratio of its median to that of
full, with a bootstrap over paired seeds: above 1 where the part helps.
"""

from pathlib import Path
from typing import Any

import numpy as np
from closed_table import find_tables
from entries import Entry, load_entries
from journal import Journal
from replays import (
    INTERVAL_RULE,
    KEPT,
    UNITS,
    Costs,
    arrived,
    cap_of,
    capped,
    compare,
    replay_all,
)
from results import RESULTS, make_parser, write_result

from smnas.search.parts import PLAIN, SearchParts

PARTS: dict[str, Any] = {
    "rungs": 2,
    "start": "stratified",
    "parents": "sparse",
    "screening": "ensemble",
    "pruning": True,
    "allocation": "gain",
    "repeat_share": 0.1,
}
"""By field of ``SearchParts``: its value at work, where the tuned search has it off; ``PLAIN`` has
all of them off."""
FULL, PLAIN_RUNGS = "full", "plain"
BESIDE = ("mo_asha", "random_rungs")


def main() -> None:
    """Replay, and write what each entry costs."""
    parser = make_parser(__doc__, "ablation")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--tables", type=Path, default=RESULTS, help="folder of the tables")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--records", type=Path, default=KEPT, help="replays that are kept")
    arguments = parser.parse_args()
    known, seeds = load_entries(), range(arguments.seeds)
    records = Journal(arguments.records)
    entries = {**ablate(known["smnas"]), **{name: known[name] for name in BESIDE}}
    numbers: dict[str, Any] = {"seeds": arguments.seeds, "slots": arguments.slots}
    numbers["interval_rule"] = INTERVAL_RULE
    for name, table in find_tables(arguments.tables).items():
        costs = replay_all(
            table, entries, seeds, arguments.slots, processes=arguments.processes, records=records
        )
        numbers[name] = describe(entries, costs, cap_of(table()))
    write_result(arguments.json, numbers, arguments.device)


def ablate(full: Entry) -> dict[str, Entry]:
    """Return the entries that differ from ``full`` in its parts, by name."""
    own = {name: full.changes[name] for name in SearchParts.model_fields if name in full.changes}
    parts, plain_values = SearchParts(**own), PLAIN.model_dump()
    off = {name: plain_values[name] for name in PARTS}
    at_work = {name: getattr(parts, name) for name in PARTS if getattr(parts, name) != off[name]}
    on = {**PARTS, **at_work}
    plain = full.with_changes({**off, "rungs": on["rungs"]})
    return {
        FULL: full,
        **{f"without_{name}": full.with_changes({name: off[name]}) for name in at_work},
        **{
            f"with_{name}": full.with_changes({name: on[name]})
            for name in PARTS
            if name not in at_work
        },
        "screening_by_macs": full.with_changes({"screening": "macs"}),
        PLAIN_RUNGS: plain,
        **{
            f"only_{name}": plain.with_changes({name: on[name]})
            for name in PARTS
            if name != "rungs"
        },
        "paper": plain.with_changes({"rungs": off["rungs"]}),
    }


def describe(
    entries: dict[str, Entry], costs: Costs, cap: tuple[float, float]
) -> dict[str, dict[str, Any]]:
    """Return changes, share of arrival, and in each unit median and ratio to the full search."""
    rows: dict[str, dict[str, Any]] = {
        name: {"changes": entries[name].changes, "arrived": arrived(of)}
        for name, of in costs.items()
    }
    for unit in UNITS:
        values = capped(costs, cap, unit)
        for name, of in values.items():
            rows[name][unit] = {"median": float(np.median(of)), **compare(of, values[FULL])}
    return rows


if __name__ == "__main__":
    main()
