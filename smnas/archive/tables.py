"""A run's tables: made whole with the header in them, and read back as values, as far as new."""

from collections import defaultdict

from pydantic import ValidationError
from sqlalchemy import Connection, inspect, select

from smnas.archive import rows
from smnas.archive.header import RunHeader
from smnas.archive.schema import (
    FAILURES,
    FORMAT,
    MEASUREMENTS,
    OUTCOMES,
    PROTOCOLS,
    RUN,
    TABLES,
    TRIALS,
)
from smnas.errors import ArchError, ArchiveError
from smnas.trial.measurement import Measurement
from smnas.trial.trial import Outcome, Trial


def create_tables(connection: Connection, header: RunHeader) -> None:
    """Make the tables and write the run's header into them."""
    TABLES.create_all(connection)
    write_header(connection, header)


def write_header(connection: Connection, header: RunHeader) -> None:
    """Add a header; the newest one counts."""
    row = {"format": FORMAT, "header": header.model_dump(mode="json")}
    connection.execute(RUN.insert(), row)


def read_header(name: str, connection: Connection) -> RunHeader:
    """Return the header of the run whose archive is called ``name``.

    Raises:
        ArchiveError: Half-written, or made by another version.
    """
    newest = select(RUN).order_by(RUN.c.id.desc()).limit(1)
    row = connection.execute(newest).first() if inspect(connection).has_table(RUN.name) else None
    if row is None:
        raise ArchiveError(
            f"{name}: half-written: it does not say which run it belongs to; remove the folder and "
            "start again"
        )
    if row.format != FORMAT:
        raise ArchiveError(
            f"{name}: made by another version of smnas (archive format {row.format}, this one "
            f"reads {FORMAT}); use the version that made it, or name another folder"
        )
    try:
        return RunHeader.model_validate(row.header)
    except ValidationError as error:
        raise ArchiveError(
            f"{name}: its header does not read as one of this version ({error}); use the version "
            "that made it, or name another folder"
        ) from error


class Records:
    """The trials of a run as far as they have been read; ``read_on`` takes in what is new.

    Records are only ever added, so that what is new is what lies behind the last one.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.trials: list[Trial] = []
        """In the order in which they came."""
        self.protocols: dict[str, rows.AnyProtocol] = {}
        self.outcomes_known: list[int] = []
        """For each trial: how many outcomes there were when it was proposed."""
        self.outcome_order: list[int] = []
        """Numbers of the trials that ended, in the order in which they did."""
        self._last_outcome = self._last_measurement = 0

    def read_on(self, name: str, connection: Connection) -> None:
        """Take in what has been added to the archive called ``name``.

        Raises:
            ArchiveError: A record that this version cannot read.
        """
        for row in connection.execute(select(PROTOCOLS)):
            if row.id not in self.protocols:
                self.protocols[row.id] = rows.read_protocol(row)
        begun = connection.execute(
            select(TRIALS).where(TRIALS.c.number >= len(self.trials)).order_by(TRIALS.c.number)
        )
        for row in begun:
            self.trials.append(_begun(name, row))
            self.outcomes_known.append(row.outcomes_known)
        first, later = self._read_measurements(connection)
        for number, outcome in self._read_outcomes(connection, first):
            self.outcome_order.append(number)
            self._update(number, outcome=outcome)
        for number, items in later.items():
            self._update(number, later=self.trials[number].later + tuple(items))

    def _read_measurements(
        self, connection: Connection
    ) -> tuple[dict[int, list[Measurement]], dict[int, list[Measurement]]]:
        """Return by trial what came with its outcome, and what came later."""
        first, later = defaultdict[int, list[Measurement]](list), defaultdict(list)
        table = MEASUREMENTS
        new = select(table).where(table.c.id > self._last_measurement).order_by(table.c.id)
        for row in connection.execute(new):
            (later if row.later else first)[row.trial].append(
                rows.read_measurement(row, self.protocols)
            )
            self._last_measurement = row.id
        return first, later

    def _read_outcomes(
        self, connection: Connection, measured: dict[int, list[Measurement]]
    ) -> list[tuple[int, Outcome]]:
        is_new = OUTCOMES.c.id > self._last_outcome
        failed = select(FAILURES).join(OUTCOMES, FAILURES.c.trial == OUTCOMES.c.trial)
        failures = {row.trial: row for row in connection.execute(failed.where(is_new))}
        found: list[tuple[int, Outcome]] = []
        for row in connection.execute(select(OUTCOMES).where(is_new).order_by(OUTCOMES.c.id)):
            items = tuple(measured.get(row.trial, ()))
            found.append((row.trial, rows.read_outcome(row, failures.get(row.trial), items)))
            self._last_outcome = row.id
        return found

    def _update(self, number: int, **changes: object) -> None:
        self.trials[number] = self.trials[number].model_copy(update=changes)


def _begun(name: str, row: rows.AnyRow) -> Trial:
    try:
        return Trial(number=row.number, proposal=rows.read_proposal(row))
    except (ArchError, ValidationError, KeyError) as error:
        raise ArchiveError(
            f"{name}: trial {row.number} does not read in this version ({error}); use the version "
            "that made it"
        ) from error
