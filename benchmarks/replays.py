"""Many replays: what each entry and seed cost, and how medians of costs compare."""

import hashlib
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from closed_table import ClosedTable
from entries import CAP_TRAININGS, Entry, make_entry, settings_of, top_of
from journal import Journal, Record
from numpy.typing import NDArray
from replay import Replay
from side_by_side import Piece, finish

import smnas
from smnas.seeding import generator

SHARE = 0.95
"""Of the reference hypervolume: a search has arrived; see `goal_of`."""
GOAL_SEEDS = 200
REPLICATES = 2000
INTERVAL_RULE = "95 %: paired seeds drawn again"
UNITS = ("epochs", "seconds")

BLOCK = 5
"""Seeds that are replayed, and kept, together."""
PLAYERS = ("replay", "closed_table", "entries", "table_space")
"""Files beside this one that decide what a replay costs."""
KEPT = Path("runs/replays.jsonl")


class MakeTable(Protocol):
    """Returns a table; can be hashed, and pickled: `closed_table.TableFiles`."""

    @property
    def identity(self) -> str:
        """Return what changes when the table does."""
        ...

    def __call__(self) -> ClosedTable:
        """Return the table."""
        ...


Cost = tuple[float, float] | None
"""Epochs and seconds to where it arrived; None where it never did."""
Costs = dict[str, list[Cost]]
"""Of each seed, by entry."""
Numbers = NDArray[np.float64]


def replay_all(
    table: MakeTable,
    entries: Mapping[str, Entry],
    seeds: range,
    slots: int,
    *,
    processes: int,
    records: Journal,
) -> Costs:
    """Return the costs of every entry and seed.

    Args:
        table: What answers.
        entries: What is replayed, by name.
        seeds: Of each, in order.
        slots: Trials that run at a time.
        processes: How many share the work.
        records: Replays that are kept as they end; what is there already, from the same table and
            the same code, is not replayed again.
    """
    blocks = [seeds[at : at + BLOCK] for at in range(0, len(seeds), BLOCK)]
    pieces: dict[tuple[str, int], Piece] = {}
    for (name, entry), (at, block) in product(entries.items(), enumerate(blocks)):
        key = f"{table.identity} {code_identity()} {entry.model_dump_json()} x{slots} {block}"
        pieces[name, at] = Piece(key, partial(_replay_block, table, entry, block, slots))
    listed = list(pieces.values())
    finish(records, partial(_next_missing, listed), processes=processes, tell=_tell)
    found = {place: records[piece.key]["costs"] for place, piece in pieces.items()}
    return {
        name: [cost and tuple(cost) for at in range(len(blocks)) for cost in found[name, at]]
        for name in entries
    }


@cache
def code_identity() -> str:
    """Return what changes when the searches, or what plays them, do."""
    rooms = (Path(smnas.__file__).parent / room for room in ("search", "space", "trial", "arch"))
    files = [file for room in rooms for file in sorted(room.glob("*.py"))]
    files += [Path(__file__).with_name(f"{name}.py") for name in PLAYERS]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def _next_missing(pieces: Sequence[Piece], begun: Collection[str]) -> Piece | None:
    return next((piece for piece in pieces if piece.key not in begun), None)


def _tell(record: Record) -> None:
    print(record["key"], flush=True)


def _replay_block(table: MakeTable, entry: Entry, seeds: range, slots: int) -> Record:
    return {"costs": [replay_once(table, entry, seed, slots) for seed in seeds]}


def replay_once(table: MakeTable, entry: Entry, seed: int, slots: int) -> Cost:
    """Return what one search cost."""
    loaded = _loaded(table)
    settings = settings_of(entry, loaded, seed)
    algorithm = make_entry(entry, settings, loaded)
    goal = _goal_of(table)
    return Replay(loaded, settings, slots).play(algorithm, goal).cost_to(goal)


@cache
def _loaded(table: MakeTable) -> ClosedTable:
    return table()


@cache
def _goal_of(table: MakeTable) -> float:
    return goal_of(_loaded(table))


def goal_of(table: ClosedTable) -> float:
    """Return the share of the reference hypervolume at which a search has arrived.

    That is SHARE. Where training every member once scores less, because validation and test
    disagree, nobody could get there but by luck: then it is SHARE of that score.
    """
    most = score_of_all(table)
    return SHARE if most >= SHARE else SHARE * most


def score_of_all(table: ClosedTable) -> float:
    """Return what a search scores that has trained every member once, as a mean over seeds."""
    return statistics.fmean(table.score_of_all(seed) for seed in range(GOAL_SEEDS))


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
