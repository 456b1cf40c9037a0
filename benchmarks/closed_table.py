"""A closed table in memory: what every member measured, and how good it is to name some of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import moocore
import numpy as np
from journal import Journal
from numpy.typing import NDArray

from smnas.arch import DetectorArch
from smnas.seeding import generator

TABLES = ("scenes", "trees")
"""The first one is what searches are tuned on."""
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

    @property
    def identity(self) -> str:
        """Return what changes when the table does."""
        content = self.records.read_bytes() + self.latencies.read_bytes()
        return hashlib.sha256(content).hexdigest()[:8]

    def __call__(self) -> ClosedTable:
        """Return the table."""
        return load_table(self.records, self.latencies)


def find_tables(folder: Path) -> dict[str, TableFiles]:
    """Return the tables that were made, by the name of their data."""
    files = {name: folder / f"table_{name}.jsonl" for name in TABLES}
    latencies = folder / "table_latency.jsonl"
    return {name: TableFiles(file, latencies) for name, file in files.items() if file.exists()}


def load_table(records: Path, latencies: Path) -> ClosedTable:
    """Return the table as `table.py` has written it; members without a latency are left out."""
    by_arch: dict[str, list[dict]] = {}
    for record in Journal(records):
        by_arch.setdefault(record["arch"], []).append(record)
    timings: dict[str, list[dict]] = {}
    for record in Journal(latencies):
        timings.setdefault(record["arch"], []).append(record)
    members: list[Member] = []
    for text, found in by_arch.items():
        if text not in timings:
            continue
        latency_ms, seconds = (
            float(np.median([timing[name] for timing in timings[text]]))
            for name in ("latency_ms", "seconds")
        )
        trainings = tuple(
            tuple(RungResult(**rung) for rung in record["rungs"])
            for record in found
            if record["rungs"]
        )
        members.append(
            Member(
                arch=DetectorArch.parse(text),
                trainings=trainings,
                latency_ms=latency_ms,
                macs_g=found[0]["macs_g"],
                params_m=found[0]["params_m"],
                start_seconds=found[0]["start_seconds"],
                time_seconds=seconds,
            )
        )
    return ClosedTable(members)
