"""A run's tables: made whole with the header in them, and read back as values."""

from collections import defaultdict
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import Engine, inspect, select
from sqlalchemy.orm import Session

from smnas.archive import rows
from smnas.archive.header import RunHeader
from smnas.archive.schema import (
    FORMAT,
    FailureRow,
    MeasurementRow,
    OutcomeRow,
    RunRow,
    Table,
    TrialRow,
)
from smnas.archive.storage import FILE_NAME
from smnas.errors import ArchError, ArchiveError
from smnas.trial.measurement import Measurement
from smnas.trial.trial import Trial


def create_tables(engine: Engine, header: RunHeader) -> None:
    """Make the tables behind ``engine`` and write the run's header into them."""
    Table.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add(header_row(header))


def header_row(header: RunHeader) -> RunRow:
    """Return the row of a header; the newest one counts."""
    return RunRow(format=FORMAT, header=header.model_dump(mode="json"))


def read_header(folder: Path, session: Session) -> RunHeader:
    """Return the run's header.

    Raises:
        ArchiveError: Half-written, or made by another version.
    """
    tables = inspect(session.get_bind()).get_table_names()
    newest = select(RunRow).order_by(RunRow.id.desc()).limit(1)
    row = session.scalar(newest) if RunRow.__tablename__ in tables else None
    if row is None:
        raise ArchiveError(
            f"{folder / FILE_NAME}: half-written: it does not say which run it belongs to; remove "
            "the folder and start again"
        )
    if row.format != FORMAT:
        raise ArchiveError(
            f"{folder / FILE_NAME}: made by another version of smnas (archive format {row.format}, "
            f"this one reads {FORMAT}); use the version that made it, or name another folder"
        )
    try:
        return RunHeader.model_validate(row.header)
    except ValidationError as error:
        raise ArchiveError(
            f"{folder / FILE_NAME}: its header does not read as one of this version ({error}); use "
            "the version that made it, or name another folder"
        ) from error


def read_trials(
    folder: Path, session: Session, protocols: dict[str, rows.AnyProtocol]
) -> list[Trial]:
    """Return all trials in the order of their numbers.

    Raises:
        ArchiveError: A proposal that this version cannot read.
    """
    measured: dict[tuple[int, bool], list[Measurement]] = defaultdict(list)
    for row in session.scalars(select(MeasurementRow).order_by(MeasurementRow.id)):
        measured[row.trial, row.later].append(rows.read_measurement(row, protocols))
    failures = {row.trial: row for row in session.scalars(select(FailureRow))}
    outcomes = {
        row.trial: rows.read_outcome(
            row, failures.get(row.trial), tuple(measured[row.trial, False])
        )
        for row in session.scalars(select(OutcomeRow))
    }
    trials: list[Trial] = []
    for row in session.scalars(select(TrialRow).order_by(TrialRow.number)):
        try:
            proposal = rows.read_proposal(row)
        except (ArchError, ValidationError, KeyError) as error:
            raise ArchiveError(
                f"{folder / FILE_NAME}: trial {row.number} does not read in this version "
                f"({error}); use the version that made it"
            ) from error
        trials.append(
            Trial(
                number=row.number,
                proposal=proposal,
                outcome=outcomes.get(row.number),
                later=tuple(measured[row.number, True]),
            )
        )
    return trials
