"""From what stands on the command line to the value that says which data are meant."""

from pathlib import Path

from smnas.data.sources import DataSpec


def data_spec(
    source: str,
    images: Path | None = None,
    val: Path | None = None,
    test: Path | None = None,
    group_by: str | None = None,
) -> DataSpec:
    """Return which data a call means; imports what pictures need, torch among it."""
    return DataSpec(
        source=source,
        images=_text(images),
        val=_text(val),
        test=_text(test),
        group_by=group_by or None,
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
