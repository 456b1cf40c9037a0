"""All trials of a run, on disk. The driver is its only writer and keeps in memory what it has read.

A record is on disk when the call that makes it returns; a process that is killed at any moment
leaves an archive that opens with all that was recorded.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, func, select

from smnas.archive import rows
from smnas.archive.driver_lock import DriverLock
from smnas.archive.header import RunHeader
from smnas.archive.postgres import POINTER_NAME, create_schema, open_schema
from smnas.archive.schema import FAILURES, MEASUREMENTS, OUTCOMES, PROTOCOLS, TRIALS
from smnas.archive.sqlite import FILE_NAME, create_file, open_file
from smnas.archive.storage import Storage, room_on_disk
from smnas.archive.tables import Records, read_header, write_header
from smnas.errors import ArchiveError, ConfigError
from smnas.trial.measurement import Measurement
from smnas.trial.trial import Outcome, Proposal, Trial


class Archive:
    """The trials of one run; see ``create``, ``open`` and ``drive``."""

    def __init__(self, storage: Storage, lock: DriverLock | None) -> None:
        """Read everything there is in ``storage``; without ``lock`` it is only read."""
        self.folder = storage.folder
        self._storage, self._lock, self._records = storage, lock, Records()
        self.refresh()

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Return whether ``folder`` holds an archive, or points to one."""
        return (folder / FILE_NAME).exists() or (folder / POINTER_NAME).exists()

    @classmethod
    def create(cls, folder: Path, header: RunHeader, storage: str | None = None) -> Self:
        """Return a new, empty archive for ``folder``, to be written to by this process alone.

        It is there whole or not at all.

        Args:
            folder: The run folder, which is made where it is missing.
            header: What is fixed for the run.
            storage: Address of a PostgreSQL database; None: a file in the folder.

        Raises:
            RunBusyError: Another driver writes to it.
            ArchiveError: The folder has an archive, or the database cannot be used.
            ConfigError: Not the address of a PostgreSQL database.
            StorageFullError: No room on the disk.
        """
        with room_on_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
        lock = DriverLock(folder)
        try:
            if cls.is_in(folder):
                raise ArchiveError(
                    f"{folder}: there is an archive already; open it, or name another folder"
                )
            if storage is None:
                create_file(folder, header)
            else:
                create_schema(folder, header, storage)
            return cls(_find(folder, storage, lock), lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Return the archive of ``folder`` with all that it holds, to be read.

        Raises:
            ArchiveError: No archive there, a damaged one, or one of another version.
        """
        return cls(_find(folder, None, None), None)

    @classmethod
    def drive(cls, folder: Path, storage: str | None = None) -> Self:
        """Return the archive of ``folder``, to be written to by this process alone.

        Args:
            folder: The run folder.
            storage: Address of its database with the password, where it needs one.

        Raises:
            RunBusyError: Another driver writes to it.
            ArchiveError: See ``open``.
            ConfigError: ``storage`` is another address than the folder's.
        """
        if not cls.is_in(folder):
            _find(folder, None, None)
        lock = DriverLock(folder)
        try:
            return cls(_find(folder, storage, lock), lock)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Let go of the tables and of the run; the archive can still be read from memory."""
        self._storage.close()
        if self._lock is not None:
            self._lock.release()

    def refresh(self) -> None:
        """Read what another process has added since."""
        with self._storage.reading() as connection:
            self.header = read_header(self._storage.name, connection)
            self._records.read_on(self._storage.name, connection)

    def trials(self) -> Sequence[Trial]:
        """Return all trials in the order in which they came, from memory."""
        return tuple(self._records.trials)

    def unfinished(self) -> list[Trial]:
        """Return the trials that were started and have no outcome."""
        return [trial for trial in self._records.trials if trial.outcome is None]

    def as_seen_by(self, number: int) -> list[Trial]:
        """Return the trials as they stood when trial ``number`` was proposed.

        Handing them to the same algorithm gives the same proposal: a run can be replayed.
        """
        records = self._records
        known = set(records.outcome_order[: records.outcomes_known[number]])
        return [
            trial.model_copy(
                update={"outcome": trial.outcome if trial.number in known else None, "later": ()}
            )
            for trial in records.trials[:number]
        ]

    def continue_as(self, header: RunHeader) -> None:
        """Take ``header`` for the run from now on, for example one that asks for more trials.

        Raises:
            StorageFullError: No room on the disk; nothing was recorded.
        """
        if header == self.header:
            return
        self._commit(
            lambda connection: write_header(connection, header),
            lambda connection: read_header(self._storage.name, connection) == header,
        )
        self.header = header

    def start(self, proposal: Proposal) -> Trial:
        """Return the trial of ``proposal``; it is on disk, under the next free number.

        Raises:
            StorageFullError: No room on the disk; nothing was recorded.
        """
        records = self._records
        trial = Trial(number=len(records.trials), proposal=proposal)
        known = len(records.outcome_order)
        row = rows.proposal_row(trial.number, proposal, known)
        here = select(func.count()).where(TRIALS.c.number == trial.number)
        self._commit(
            lambda connection: connection.execute(TRIALS.insert(), row),
            lambda connection: connection.execute(here).scalar() == 1,
        )
        records.trials.append(trial)
        records.outcomes_known.append(known)
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

        def write(connection: Connection) -> None:
            connection.execute(OUTCOMES.insert(), rows.outcome_row(number, outcome))
            if outcome.failure is not None:
                connection.execute(FAILURES.insert(), rows.failure_row(number, outcome.failure))
            self._add_measurements(connection, number, outcome.measurements, later=False)

        here = select(func.count()).where(OUTCOMES.c.trial == number)
        self._commit(write, lambda connection: connection.execute(here).scalar() == 1)
        self._records.outcome_order.append(number)
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
        table, later = MEASUREMENTS, trial.later + items
        here = select(func.count()).where(table.c.trial == number, table.c.later)
        self._commit(
            lambda connection: self._add_measurements(connection, number, items, later=True),
            lambda connection: connection.execute(here).scalar() == len(later),
        )
        return self._keep(trial.model_copy(update={"later": later}), items)

    def _commit(
        self, write: Callable[[Connection], object], is_there: Callable[[Connection], bool]
    ) -> None:
        if self._lock is None:
            raise ArchiveError(
                f"{self._storage.name}: was opened to be read; open it by Archive.drive to write"
            )
        self._storage.commit(write, is_there)

    def _trial(self, number: int) -> Trial:
        trials = self._records.trials
        if not 0 <= number < len(trials):
            raise ArchiveError(f"no trial {number}; there are {len(trials)}, counted from 0")
        return trials[number]

    def _keep(self, trial: Trial, measurements: Sequence[Measurement]) -> Trial:
        """Bring the memory up to what has just been committed."""
        self._records.trials[trial.number] = trial
        self._records.protocols.update(rows.protocols_of(measurements))
        return trial

    def _add_measurements(
        self,
        connection: Connection,
        number: int,
        measurements: Sequence[Measurement],
        *,
        later: bool,
    ) -> None:
        known = self._records.protocols
        new = {k: p for k, p in rows.protocols_of(measurements).items() if k not in known}
        if new:
            connection.execute(PROTOCOLS.insert(), [rows.protocol_row(*it) for it in new.items()])
        if measurements:
            connection.execute(
                MEASUREMENTS.insert(),
                [rows.measurement_row(number, item, later=later) for item in measurements],
            )


def _find(folder: Path, storage: str | None, lock: DriverLock | None) -> Storage:
    """Return where the archive of ``folder`` is."""
    if (folder / POINTER_NAME).is_file():
        return open_schema(folder, storage, lock.holder if lock else None)
    if not (folder / FILE_NAME).is_file():
        state = "holds no " + FILE_NAME if folder.is_dir() else "is no folder"
        raise ArchiveError(
            f"{folder}: {state}: not a run folder, or one whose search never began; "
            "give the folder that `smnas search --out` named"
        )
    if storage is not None:
        raise ConfigError(
            f"storage: the archive of {folder} is the file {FILE_NAME} in it; leave --storage out, "
            "or name another folder"
        )
    return open_file(folder)
