"""The tables of an archive. Records are only ever added: no row is changed or deleted.

What is learned later about a trial (a re-timed latency, the AP on the test split) is a further
measurement, never a correction.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

FORMAT = 2
"""Number of this schema; an archive with another number is refused."""


class Table(DeclarativeBase):
    """Base of the tables."""


class RunRow(Table):
    """What the run is; the newest row counts, an older one says what was asked for before."""

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(primary_key=True)
    format: Mapped[int]
    header: Mapped[dict[str, Any]] = mapped_column(JSON)


class TrialRow(Table):
    """A proposal under its number, written before it runs."""

    __tablename__ = "trials"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    outcomes_known: Mapped[int]
    """How many outcomes were recorded when it was proposed: what the algorithm had seen."""
    stage: Mapped[str] = mapped_column(String(16))
    arch: Mapped[str] = mapped_column(Text)
    arch_id: Mapped[str] = mapped_column(String(12), index=True)
    origin: Mapped[dict[str, Any]] = mapped_column(JSON)
    budget: Mapped[dict[str, Any]] = mapped_column(JSON)
    seed: Mapped[int] = mapped_column(BigInteger)
    continues: Mapped[int | None] = mapped_column(ForeignKey("trials.number"))
    pruning: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class OutcomeRow(Table):
    """That a trial ended; ``id`` runs in the order in which the outcomes came."""

    __tablename__ = "outcomes"

    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[int] = mapped_column(ForeignKey("trials.number"), unique=True)
    weights: Mapped[str | None] = mapped_column(Text)
    seconds: Mapped[float] = mapped_column(Double)


class FailureRow(Table):
    """Why a trial has no numbers."""

    __tablename__ = "failures"

    trial: Mapped[int] = mapped_column(ForeignKey("outcomes.trial"), primary_key=True)
    stage: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)


class ProtocolRow(Table):
    """How numbers were taken, keyed by the hash of its content."""

    __tablename__ = "protocols"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class MeasurementRow(Table):
    """One number of one trial; ``later`` where it came after the outcome."""

    __tablename__ = "measurements"

    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[int] = mapped_column(ForeignKey("trials.number"), index=True)
    later: Mapped[bool]
    metric: Mapped[str] = mapped_column(String(64))
    value: Mapped[float] = mapped_column(Double)
    unit: Mapped[str] = mapped_column(String(16))
    low: Mapped[float | None] = mapped_column(Double)
    high: Mapped[float | None] = mapped_column(Double)
    flag: Mapped[str | None] = mapped_column(Text)
    protocol: Mapped[str] = mapped_column(ForeignKey("protocols.id"))
