"""``categories.json``: ids and names of classes, beside formats that have names only.

Our converter writes it, so that ids survive; other tools do not know it and lose nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from smnas.data.dataset import Category
from smnas.data.faults import Faults
from smnas.data.table import number_categories

FILE_NAME = "categories.json"
_FILE = TypeAdapter(list[Category])


def write_categories(categories: Iterable[Category], folder: Path) -> None:
    """Write the file into a folder."""
    rows = [{"id": item.id, "name": item.name} for item in categories]
    (folder / FILE_NAME).write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")


def settle_categories(
    names: Iterable[str],
    first: int,
    folder: Path,
    known: tuple[Category, ...] | None,
    faults: Faults,
) -> tuple[Category, ...]:
    """Return the categories of a format that has names only, by id.

    Args:
        names: In the format's order.
        first: The number of the first name, where nobody gives ids.
        folder: Where the file may be.
        known: The categories of the data that these belong to; they come before all else.
        faults: Where a file that does not fit is noted.

    Raises:
        DataError: Not such a file.
    """
    names = list(names)
    double = [repr(name) for name, count in Counter(names).items() if count > 1]
    if double:
        faults.add(f"names: {', '.join(double)} is there more than once")
    categories = known or _read(folder / FILE_NAME, faults)
    if categories is None:
        return number_categories(dict.fromkeys(names), first)
    lacking = sorted(set(names) - {item.name for item in categories})
    if lacking:
        source = FILE_NAME if known is None else "the categories of the training pictures"
        faults.add(f"names: {source}: no {', '.join(map(repr, lacking))}")
    return categories


def _read(path: Path, faults: Faults) -> tuple[Category, ...] | None:
    if not path.is_file():
        return None
    try:
        found = _FILE.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f"{step}: " for step in first["loc"])
        faults.add(f"{FILE_NAME}: {place}{first['msg']}; expected a list of id and name")
        return None
    by_id = sorted(found, key=lambda item: item.id)
    if len({item.id for item in found}) < len(found) or len({i.name for i in found}) < len(found):
        faults.add(f"{FILE_NAME}: an id or a name is there more than once")
    return tuple(by_id)
