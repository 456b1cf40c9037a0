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
    given = {"images": images, "val": val, "test": test, "group_by": group_by}
    return DataSpec(source=source, **{k: str(path) for k, path in given.items() if path})
