"""Which pictures a split must keep on one side: those that look alike, and those of one film.

The user names films or places by a field of the picture's record, or by a pattern of its file name.
"""

import json
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smnas.data.all_cores import on_all_cores
from smnas.data.lookalikes import Look, group_lookalikes, join_groups, read_look
from smnas.data.table_dataset import TableDataset
from smnas.data.wording import count
from smnas.errors import ConfigError, DataError, nearest

MOST_READ_BYTES = 2 * 10**9
"""Of all files together; to look at more takes minutes (30 MB a second on two busy cores were
measured), which only ``smnas data check`` does."""


@dataclass(frozen=True)
class Groups:
    """Pictures that stay together.

    Attributes:
        first: For each picture the first one of its group.
        notes: What has been done, in sentences.
    """

    first: NDArray[np.int64]
    notes: tuple[str, ...]


def alone(dataset: TableDataset) -> Groups:
    """Return groups of one picture each."""
    return Groups(np.arange(len(dataset), dtype=np.int64), ())


def find_groups(dataset: TableDataset, group_by: str | None) -> Groups:
    """Return the pictures that belong together.

    Args:
        dataset: The pictures; their files are read where there is not too much to read.
        group_by: A pattern with a group, such as ``(.*)_[0-9]+``, that is looked for in the file
            names; or a field of the pictures' records; None: only likeness counts.

    Raises:
        ConfigError: No such field, a pattern that is none, or one that fits no file name.
    """
    alike = _group_alike(dataset)
    if group_by is None:
        return alike
    values = _match(dataset, group_by) if "(" in group_by else _read_field(dataset, group_by)
    named = _group_equal(values)
    first = join_groups(alike.first, np.arange(len(named)), named)
    without = sum(value is None for value in values)
    note = f"Kept together by {group_by!r}: {count(len(np.unique(named)), 'group')}."
    if without:
        note += f" {count(without, 'picture')} without a value of it are on their own."
    return Groups(first, (note, *alike.notes))


def _group_alike(dataset: TableDataset) -> Groups:
    groups = alone(dataset)
    files = [dataset.picture_file(index) for index in range(len(dataset))]
    size = sum(file.stat().st_size for file in files)
    if size > MOST_READ_BYTES:
        note = (
            f"{size / 1e9:.0f} GB of pictures are not looked at before they are split: smnas data "
            "check finds those that look alike, --group-by keeps them together."
        )
        return Groups(groups.first, (note,))
    looks = list(on_all_cores(_try_look, files))
    rows = np.array([row for row, look in enumerate(looks) if look is not None], np.int64)
    readable = [look for look in looks if look is not None]
    if len(readable) < 2:
        return groups
    first = groups.first.copy()
    first[rows] = rows[group_lookalikes(np.stack(readable))]
    members = np.bincount(first)
    together = int(members[members > 1].sum())
    if not together:
        return groups
    note = (
        f"{count(together, 'picture')} look like another one; each of the "
        f"{count(int((members > 1).sum()), 'group')} is kept on one side of the split."
    )
    return Groups(first, (note,))


def _try_look(path: Path) -> Look | None:
    try:
        return read_look(path)
    except DataError:  # Told with all the others when it is trained on, or by the doctor.
        return None


def _group_equal(values: Sequence[Hashable | None]) -> NDArray[np.int64]:
    """Return the first position of each value; None equals nothing."""
    firsts: dict[Hashable, int] = {}
    found = [
        row if value is None else firsts.setdefault(value, row) for row, value in enumerate(values)
    ]
    return np.array(found, dtype=np.int64)


def _match(dataset: TableDataset, pattern: str) -> list[Hashable | None]:
    """Return what the pattern's groups hold in each file name; None where it does not fit."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"group by {pattern!r}: not a pattern: {error}") from None
    if not compiled.groups:
        raise ConfigError(
            f"group by {pattern!r}: expected a group in parentheses that holds what pictures of "
            "one group share, such as '(.*)_[0-9]+'"
        )
    names = [row.file_name for row in dataset.table.pictures]
    found = [compiled.search(name) for name in names]
    if not any(found):
        raise ConfigError(f"group by {pattern!r}: fits no file name, such as {names[0]!r}")
    return [match.groups() if match else None for match in found]


def _read_field(dataset: TableDataset, field: str) -> list[Hashable | None]:
    """Return the field of each picture's record as text; None where it is not there."""
    records = _read_records(dataset.path, field)
    values = {name: record for record in records for name in _names(record)}
    found = [values.get(row.file_name, {}).get(field) for row in dataset.table.pictures]
    if all(value is None for value in found):
        known = sorted({key for record in records for key in record})
        raise ConfigError(
            f"group by {field!r}: no picture has such a field; {nearest(field, known)}; "
            "a pattern for file names has a group in parentheses"
        )
    return [None if value is None else json.dumps(value, sort_keys=True) for value in found]


def _names(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the file names that a record may mean: COCO's, or BDD100K's with and without film."""
    name = str(record.get("file_name", record.get("name")))
    film = record.get("videoName")
    return (name,) if film is None else (f"{film}/{name}", name)


def _read_records(path: Path, field: str) -> list[Mapping[str, Any]]:
    """Return the records of the pictures in a JSON file that has been read before."""
    if not path.is_file() or path.suffix.lower() != ".json":
        raise ConfigError(
            f"group by {field!r}: {path} has no fields of pictures; expected a pattern for file "
            "names with a group in parentheses, such as '(.*)_[0-9]+'"
        )
    content: Any = json.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    if isinstance(content, dict):
        content = content.get("images", content.get("frames"))
    return [record for record in content if isinstance(record, dict)]
