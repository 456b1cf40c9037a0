"""A closed table in memory: what every member measured, and the spaces that are closed over it.

No replay is answered by a model: a proposal is answered with what its member measured, or fails as
that did.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import moocore
import numpy as np
from journal import Journal
from numpy.typing import NDArray
from table_members import (
    HEADS,
    INPUTS,
    KEYS,
    KNOWN_CODES,
    NECKS,
    load_plan,
    make_member,
)

from smnas.arch import DetectorArch
from smnas.errors import SpaceError
from smnas.seeding import generator
from smnas.space.choices import Branch, CategoricalChoice, ChoiceTree, IntegerChoice, Value, Values
from smnas.space.mutation import Moves
from smnas.space.neighbourhood import Neighbourhood
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace

REFERENCE_MARGIN = 0.05
"""The reference point lies beyond the reference front by this share of its range."""


@dataclass(frozen=True)
class RungResult:
    """What one training had reached at one rung.

    Attributes:
        epochs: Of the trunk, from the start.
        cooldown_epochs: Of the copy that was judged, on top.
        ap_val: On the validation pictures, which a search sees.
        ap_test: On the test pictures, which only the score sees.
        seconds_per_epoch: Of training.
        evaluate_seconds: Of predicting the validation pictures and judging.
    """

    epochs: int
    cooldown_epochs: float
    ap_val: float
    ap_test: float
    seconds_per_epoch: float
    evaluate_seconds: float


@dataclass(frozen=True)
class Member:
    """All that was measured of one member; no trainings where its training failed."""

    arch: DetectorArch
    trainings: tuple[tuple[RungResult, ...], ...]
    """By seed, then by rung, lowest first."""
    latency_ms: float
    macs_g: float
    params_m: float
    start_seconds: float
    """Of building it, and of all that a trial does before and after its training."""
    time_seconds: float
    """Of measuring its latency."""

    @property
    def ap_test(self) -> float:
        """Mean over the seeds at the top."""
        return float(np.mean([rungs[-1].ap_test for rungs in self.trainings]))


class ClosedTable:
    """All members by arch, and the score of naming some of them."""

    def __init__(self, members: Sequence[Member]) -> None:
        """Take the members; a failed one cannot be named."""
        self.members = {member.arch: member for member in members}
        self.trained = [member for member in members if member.trainings]
        rows = self._rows(self.trained)
        on_front = _is_nondominated(rows)
        self.front = [m for m, best in zip(self.trained, on_front, strict=True) if best]
        """The members that nothing dominates by test means and latency."""
        best = rows[on_front]
        worst = np.array([best[:, 0].min(), best[:, 1].max()])
        self._corner = worst + REFERENCE_MARGIN * np.ptp(best, axis=0) * np.array([-1.0, 1.0])
        self.reference = self._volume(best)
        """Hypervolume of the front of the whole table by its test means."""

    def score(self, named: Sequence[DetectorArch]) -> float:
        """Return the hypervolume of the named members by test AP, as a share of the reference."""
        return self._volume(self._rows([self.members[arch] for arch in named])) / self.reference

    def score_of_all(self, seed: int) -> float:
        """Return the score of a search that has trained every member to the top, once.

        Seeds make some members look better than they are: this is what no single seed gets beyond.
        """
        rng = generator(seed, "table", "one training each")
        seen = [m.trainings[rng.integers(len(m.trainings))][-1].ap_val for m in self.trained]
        rows = np.column_stack([seen, self._rows(self.trained)[:, 1]])
        return self.score([self.trained[at].arch for at in np.flatnonzero(_is_nondominated(rows))])

    def _volume(self, rows: NDArray[np.float64]) -> float:
        if not len(rows):
            return 0.0
        return float(moocore.hypervolume(rows, ref=self._corner, maximise=[True, False]))

    def _rows(self, members: Sequence[Member]) -> NDArray[np.float64]:
        rows = [(member.ap_test, np.log(member.latency_ms)) for member in members]
        return np.array(rows, np.float64).reshape(len(members), 2)


def _is_nondominated(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(moocore.is_nondominated(rows, maximise=[True, False], keep_weakly=True))


@dataclass(frozen=True)
class TableFiles:
    """Where a table is; reads it when called, in another process too."""

    records: Path
    latencies: Path

    def __call__(self) -> ClosedTable:
        """Return the table."""
        return load_table(self.records, self.latencies)


def load_table(records: Path, latencies: Path) -> ClosedTable:
    """Return the table as `table.py` has written it; members without a latency are left out."""
    by_arch: dict[str, list[dict]] = {}
    for record in Journal(records):
        by_arch.setdefault(record["arch"], []).append(record)
    timed = {record["key"]: record for record in Journal(latencies)}
    members: list[Member] = []
    for text, found in by_arch.items():
        if text not in timed:
            continue
        trainings = tuple(
            tuple(RungResult(**rung) for rung in record["rungs"])
            for record in found
            if record["rungs"]
        )
        members.append(
            Member(
                arch=DetectorArch.parse(text),
                trainings=trainings,
                latency_ms=timed[text]["latency_ms"],
                macs_g=found[0]["macs_g"],
                params_m=found[0]["params_m"],
                start_seconds=found[0]["start_seconds"],
                time_seconds=timed[text]["seconds"],
            )
        )
    return ClosedTable(members)


class TableSpace:
    """All members as one space; what is one step away follows from `table_members`."""

    def __init__(self) -> None:
        plan = load_plan()
        self.codes = plan.codes
        self._near, self._other = plan.neighbours, plan.of_other_kinds
        self._lists = (INPUTS, self.codes, NECKS, HEADS)
        self._choices_of = {
            make_member(size, code, neck, head): (size, code, neck, head)
            for size in INPUTS
            for code in self.codes
            for neck in NECKS
            for head in HEADS
        }

    @cached_property
    def choices(self) -> ChoiceTree:
        """The tree: inputs in rising order as positions, all else as categories."""
        return ChoiceTree(
            Branch(IntegerChoice("input", 0, len(INPUTS) - 1)),
            Branch(CategoricalChoice("code", self.codes)),
            Branch(CategoricalChoice("neck", NECKS)),
            Branch(CategoricalChoice("head", HEADS)),
        )

    def contains(self, arch: DetectorArch) -> bool:
        """Return whether ``arch`` is a member."""
        return arch in self._choices_of

    def sample(self, rng: np.random.Generator) -> DetectorArch:
        """Return a member; all are equally likely."""
        size, code, neck, head = (choices[rng.integers(len(choices))] for choices in self._lists)
        return make_member(size, code, neck, head)

    def enumerate(self) -> Iterator[DetectorArch]:
        """Yield every member."""
        return iter(self._choices_of)

    def encode(self, arch: DetectorArch) -> dict[str, Value]:
        """Return the assignment of a member."""
        size, code, neck, head = self.find(arch)
        return self.choices.name([INPUTS.index(size), code, neck, head])

    def decode(self, values: Values) -> DetectorArch:
        """Return the member of an assignment."""
        size, code, neck, head = self.choices.order(values)
        return make_member(INPUTS[int(size)], str(code), str(neck), str(head))

    def moves(self, arch: DetectorArch) -> Moves:
        """Return the members one step away: one module exchanged, a code for a near one."""
        size, code, neck, head = self.find(arch)
        at = INPUTS.index(size)
        sizes = [INPUTS[i] for i in (at - 1, at + 1) if 0 <= i < len(INPUTS)]
        return {
            "input": tuple(make_member(other, code, neck, head) for other in sizes),
            "code": tuple(make_member(size, other, neck, head) for other in self._near[code]),
            "block": tuple(make_member(size, other, neck, head) for other in self._other[code]),
            "neck": tuple(make_member(size, code, n, head) for n in NECKS if n != neck),
            "head": tuple(make_member(size, code, neck, h) for h in HEADS if h != head),
        }

    def find(self, arch: DetectorArch) -> tuple[str, str, str, str]:
        """Return input, code, neck and head of a member."""
        if arch not in self._choices_of:
            raise SpaceError(f"expected a member of the table; got {arch}")
        return self._choices_of[arch]


@dataclass(frozen=True)
class TableModules:
    """What stands for stage two's space: the codes of its block kind around a structure."""

    space: TableSpace

    def contains(self, arch: DetectorArch) -> bool:
        """Return whether ``arch`` is a member."""
        return self.space.contains(arch)

    def enter(self, structure: DetectorArch) -> DetectorArch:
        """Return the structure: it is a member already."""
        return structure

    def around(self, structure: DetectorArch) -> Neighbourhood:
        """Return the members around a structure."""
        return Neighbourhood(self, structure)

    def sample(self, arch: DetectorArch, rng: np.random.Generator) -> DetectorArch:
        """Return a member; all are equally likely."""
        codes = self._codes(arch)
        return self.read(arch, [codes[rng.integers(len(codes))]])

    def moves(self, arch: DetectorArch) -> Moves:
        """Return the members with a near code."""
        return {"code": self.space.moves(arch)["code"]}

    def branches(self, structure: DetectorArch) -> tuple[Branch, ...]:
        """Return the one choice that there is."""
        return (Branch(CategoricalChoice("code", self._codes(structure))),)

    def tell(self, arch: DetectorArch) -> list[Value]:
        """Return the code of a member."""
        return [self.space.find(arch)[1]]

    def read(self, structure: DetectorArch, chosen: Sequence[Value]) -> DetectorArch:
        """Return the member with another code."""
        size, _, neck, head = self.space.find(structure)
        return make_member(size, str(chosen[0]), neck, head)

    def _codes(self, structure: DetectorArch) -> tuple[str, ...]:
        kind = self.space.find(structure)[1].partition("_")[0]
        return tuple(code for code in self.space.codes if code.startswith(f"{kind}_"))


def table_pair(space: TableSpace) -> SpacePair:
    """Return the table as two stages: structures with the known codes, then every code."""
    structural = StructuralSpace(
        inputs=INPUTS, backbones=KNOWN_CODES, necks=NECKS, heads=HEADS, keys=KEYS
    )
    yardstick = make_member(INPUTS[1], KNOWN_CODES[2], NECKS[1], HEADS[0])
    return SpacePair.model_construct(
        name="table", structural=structural, modular=TableModules(space), yardstick=yardstick
    )
