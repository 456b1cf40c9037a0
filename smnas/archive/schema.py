"""The tables of an archive. Records are only ever added: no row is changed or deleted.

What is learned later about a trial (a re-timed latency, the AP on the test split) is a further
measurement, never a correction.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

FORMAT = 2
"""Number of this schema; an archive with another number is refused."""

TABLES = MetaData()

RUN = Table(
    "run",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("format", Integer, nullable=False),
    Column("header", JSON, nullable=False),
)
"""What the run is; the newest row counts, an older one says what was asked for before."""

TRIALS = Table(
    "trials",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=False),
    # How many outcomes were recorded when it was proposed: what the algorithm had seen.
    Column("outcomes_known", Integer, nullable=False),
    Column("stage", String(16), nullable=False),
    Column("arch", Text, nullable=False),
    Column("arch_id", String(12), nullable=False, index=True),
    Column("origin", JSON, nullable=False),
    Column("budget", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("continues", ForeignKey("trials.number")),
    Column("pruning", JSON(none_as_null=True)),
)
"""A proposal under its number, written before it runs."""

OUTCOMES = Table(
    "outcomes",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("trial", ForeignKey("trials.number"), nullable=False, unique=True),
    Column("weights", Text),
    Column("seconds", Double, nullable=False),
)
"""That a trial ended; ``id`` runs in the order in which the outcomes came."""

FAILURES = Table(
    "failures",
    TABLES,
    Column("trial", ForeignKey("outcomes.trial"), primary_key=True),
    Column("stage", String(16), nullable=False),
    Column("reason", Text, nullable=False),
)
"""Why a trial has no numbers."""

PROTOCOLS = Table(
    "protocols",
    TABLES,
    Column("id", String(12), primary_key=True),
    Column("body", JSON, nullable=False),
)
"""How numbers were taken, keyed by the hash of its content."""

MEASUREMENTS = Table(
    "measurements",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("trial", ForeignKey("trials.number"), nullable=False, index=True),
    Column("later", Boolean, nullable=False),
    Column("metric", String(64), nullable=False),
    Column("value", Double, nullable=False),
    Column("unit", String(16), nullable=False),
    Column("low", Double),
    Column("high", Double),
    Column("flag", Text),
    Column("protocol", ForeignKey("protocols.id"), nullable=False),
)
"""One number of one trial; ``later`` where it came after the outcome."""
