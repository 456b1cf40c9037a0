"""All trials of a run, on disk. The driver is its only writer and keeps in memory what it has read.

A record is on disk when the call that makes it returns; a process that is killed at any moment
leaves an archive that opens with all that was recorded.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from smnas.archive import rows
from smnas.archive.header import RunHeader
from smnas.archive.schema import (
    FailureRow,
    OutcomeRow,
    ProtocolRow,
    TrialRow,
)
from smnas.archive.storage import FILE_NAME, explained, make_engine, room_on_disk, sqlite_url
from smnas.archive.tables import create_tables, header_row, read_header, read_trials
from smnas.errors import ArchiveError
from smnas.trial.measurement import Measurement
from smnas.trial.trial import Outcome, Proposal, Trial


class Archive:
    """The trials of one run; see ``create`` and ``open``."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        """Read everything there is behind ``engine`` (use ``create`` or ``open``)."""
        self.folder = folder
        self._engine = engine
        with explained(folder), Session(engine) as session:
            self.header = read_header(folder, session)
            self._protocols = {
                row.id: rows.read_protocol(row) for row in session.scalars(select(ProtocolRow))
            }
            self._outcome_order = list(
                session.scalars(select(OutcomeRow.trial).order_by(OutcomeRow.id))
            )
            self._outcomes_known = list(
                session.scalars(select(TrialRow.outcomes_known).order_by(TrialRow.number))
            )
            self._trials = read_trials(folder, session, self._protocols)

    @classmethod
    def create(cls, folder: Path, header: RunHeader) -> Self:
        """Return a new, empty archive in ``folder``, which is made where it is missing.

        The file appears whole or not at all.

        Raises:
            ArchiveError: The folder holds an archive.
            StorageFullError: No room on the disk.
        """
        path = folder / FILE_NAME
        if path.exists():
            raise ArchiveError(
                f"{path}: there is an archive already; open it, or name another folder"
            )
        with room_on_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
        part = folder / (FILE_NAME + ".part")
        for leftover in folder.glob(part.name + "*"):
            leftover.unlink()
        engine = make_engine(sqlite_url(part), one_file=True)
        with explained(folder):
            create_tables(engine, header)
        engine.dispose()
        os.replace(part, path)
        return cls(folder, make_engine(sqlite_url(path)))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Return the archive in ``folder`` with all that it holds.

        Raises:
            ArchiveError: No archive there, a damaged one, or one of another version.
        """
        path = folder / FILE_NAME
        if not path.is_file():
            state = "holds no " + FILE_NAME if folder.is_dir() else "is no folder"
            raise ArchiveError(
                f"{folder}: {state}: not a run folder, or one whose search never began; "
                "give the folder that `smnas search --out` named"
            )
        return cls(folder, make_engine(sqlite_url(path)))

    def close(self) -> None:
        """Let go of the file; the archive can still be read from memory."""
        self._engine.dispose()

    def trials(self) -> Sequence[Trial]:
        """Return all trials in the order in which they came, from memory."""
        return tuple(self._trials)

    def unfinished(self) -> list[Trial]:
        """Return the trials that were started and have no outcome."""
        return [trial for trial in self._trials if trial.outcome is None]

    def as_seen_by(self, number: int) -> list[Trial]:
        """Return the trials as they stood when trial ``number`` was proposed.

        Handing them to the same algorithm gives the same proposal: a run can be replayed.
        """
        known = set(self._outcome_order[: self._outcomes_known[number]])
        return [
            trial.model_copy(
                update={"outcome": trial.outcome if trial.number in known else None, "later": ()}
            )
            for trial in self._trials[:number]
        ]

    def continue_as(self, header: RunHeader) -> None:
        """Take ``header`` for the run from now on, for example one that asks for more trials.

        Raises:
            StorageFullError: No room on the disk; nothing was recorded.
        """
        if header == self.header:
            return
        with explained(self.folder), Session(self._engine) as session, session.begin():
            session.add(header_row(header))
        self.header = header

    def start(self, proposal: Proposal) -> Trial:
        """Return the trial of ``proposal``; it is on disk, under the next free number.

        Raises:
            StorageFullError: No room on the disk; nothing was recorded.
        """
        trial = Trial(number=len(self._trials), proposal=proposal)
        known = len(self._outcome_order)
        with explained(self.folder), Session(self._engine) as session, session.begin():
            session.add(rows.proposal_row(trial.number, proposal, known))
        self._trials.append(trial)
        self._outcomes_known.append(known)
        return trial

    def record(self, number: int, outcome: Outcome) -> Trial:
        """Return trial ``number`` with its ``outcome``, which is on disk.

        Raises:
            ArchiveError: No such trial, or it has an outcome already.
            StorageFullError: No room on the disk; nothing was recorded.
        """
        trial = self._trial(number)
        if trial.outcome is not None:
            raise ArchiveError(
                f"trial {number} has an outcome already; outcomes are never replaced"
            )
        with explained(self.folder), Session(self._engine) as session, session.begin():
            session.add(OutcomeRow(trial=number, weights=outcome.weights, seconds=outcome.seconds))
            session.flush()
            if outcome.failure is not None:
                failure = outcome.failure
                session.add(FailureRow(trial=number, stage=failure.stage, reason=failure.reason))
            self._add_measurements(session, number, outcome.measurements, later=False)
        self._outcome_order.append(number)
        return self._keep(trial.model_copy(update={"outcome": outcome}), outcome.measurements)

    def add(self, number: int, measurements: Sequence[Measurement]) -> Trial:
        """Return trial ``number`` with ``measurements`` that came after its outcome, on disk.

        Raises:
            ArchiveError: No such trial, or it has no outcome yet.
            StorageFullError: No room on the disk; nothing was recorded.
        """
        trial, items = self._trial(number), tuple(measurements)
        if trial.outcome is None:
            raise ArchiveError(f"trial {number} has no outcome yet; record that first")
        with explained(self.folder), Session(self._engine) as session, session.begin():
            self._add_measurements(session, number, items, later=True)
        return self._keep(trial.model_copy(update={"later": trial.later + items}), items)

    def _trial(self, number: int) -> Trial:
        if not 0 <= number < len(self._trials):
            raise ArchiveError(f"no trial {number}; there are {len(self._trials)}, counted from 0")
        return self._trials[number]

    def _keep(self, trial: Trial, measurements: Sequence[Measurement]) -> Trial:
        """Bring the memory up to what has just been committed."""
        self._trials[trial.number] = trial
        for key, row in rows.protocol_rows(measurements).items():
            self._protocols.setdefault(key, rows.read_protocol(row))
        return trial

    def _add_measurements(
        self, session: Session, number: int, measurements: Sequence[Measurement], *, later: bool
    ) -> None:
        new = rows.protocol_rows(measurements)
        session.add_all(row for key, row in new.items() if key not in self._protocols)
        session.flush()
        session.add_all(rows.measurement_row(number, item, later=later) for item in measurements)
