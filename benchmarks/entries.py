"""The searches that are replayed: each is an algorithm and the settings that `tuning.py` chose."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from closed_table import ClosedTable
from pydantic import BaseModel, ConfigDict
from replay import make_settings
from table_space import TableSpace, table_pair

from smnas.search import Algorithm, SearchSettings
from smnas.search.algorithms import AlgorithmName, make_rival, rival_starts
from smnas.search.one_stage import OneStage, Rungs
from smnas.search.parts import SearchParts
from smnas.search.promotion import AshaRung
from smnas.search.proposers import SparseFront
from smnas.search.sm_nas import SmNas
from smnas.space.contract import SearchSpace
from smnas.trial.budget import Budget

CAP_TRAININGS = 200
"""Whole trainings that a search may use: its cap."""
TUNED = Path(__file__).with_name("tuned.json")

Changes = Mapping[str, Any]


class Entry(BaseModel):
    """An algorithm, and how its settings and parts differ from the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: str
    changes: dict[str, Any] = {}

    def with_changes(self, changes: Changes) -> "Entry":
        """Return the entry with some settings more, or other ones."""
        return Entry(algorithm=self.algorithm, changes={**self.changes, **changes})


class Tuned(BaseModel):
    """What `tuned.json` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tuned: bool
    """False: nothing was tried yet, and these are the values that tuning begins with."""
    entries: dict[str, Entry]


def load_entries(path: Path = TUNED) -> dict[str, Entry]:
    """Return the entries by name, as they were committed."""
    return Tuned.model_validate_json(path.read_bytes()).entries


PLAIN_STAGES = {"start": "random", "parents": "sparse", "screening": "none", "pruning": False}
STAGES: dict[str, Entry] = {
    # Proof 7: both stages, one over both spaces, and modules around one fixed structure.
    "two_stages": Entry(algorithm="smnas", changes=PLAIN_STAGES),
    "joint": Entry(algorithm="joint"),
    "modules_alone": Entry(algorithm="modules-alone"),
}


def settings_of(entry: Entry, table: ClosedTable, seed: int) -> SearchSettings:
    """Return an entry's settings: what it says of the search, and of its parts."""
    changes = {"trials": CAP_TRAININGS, **entry.changes}
    parts = {name: changes.pop(name) for name in SearchParts.model_fields if name in changes}
    return make_settings(seed, top=top_of(table), parts=parts, **changes)


def top_of(table: ClosedTable) -> Budget:
    """Return the budget of a whole training in the table."""
    rungs = next(m.trainings[0] for m in table.members.values() if m.trainings)
    return Budget(epochs=rungs[-1].epochs)


def make_entry(entry: Entry, settings: SearchSettings, table: ClosedTable) -> Algorithm:
    """Return the algorithm of an entry, over the table's spaces."""
    space = TableSpace(table.members)
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
