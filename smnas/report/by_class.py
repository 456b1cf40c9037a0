"""AP of each class, of the detectors that were trained to the end."""

from collections.abc import Sequence
from dataclasses import dataclass

from smnas.report.tables import FrontRow
from smnas.trial.measurement import Measurement, Split
from smnas.trial.trial import Trial


@dataclass(frozen=True)
class ClassTable:
    """One row for each class, one column for each detector.

    Attributes:
        split: Where it was measured: test, where that was read.
        heads: What the columns are called.
        rows: The class, and the AP that each detector has of it; None where it has none.
    """

    split: Split
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Measurement | None, ...]], ...]


def class_table(
    trials: Sequence[Trial], rows: Sequence[FrontRow], classes: Sequence[str]
) -> ClassTable | None:
    """Return the AP of each class; None where it was not measured, as for one class alone.

    Args:
        trials: All trials of the run.
        rows: The detectors that are shown, in their order.
        classes: The names of the classes.
    """
    by_number = {trial.number: trial for trial in trials}
    shown = [(row, by_number[row["trial"]]) for row in rows]
    for split in ("test", "val"):
        found = [
            (name, tuple(trial.measurement(f"ap:{name}", split) for _, trial in shown))
            for name in classes
        ]
        measured = tuple((name, values) for name, values in found if any(values))
        if measured:
            return ClassTable(split, tuple(_head(row) for row, _ in shown), measured)
    return None


def _head(row: FrontRow) -> str:
    name = f"trial {row['trial']}"
    if row["stage"] == "yardstick":
        return f"{name}, yardstick"
    return f"{name}, recommended" if row["recommended"] else name
