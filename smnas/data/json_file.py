"""JSON files of the user: parsed and checked by pydantic, every fault told by its place."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from smnas.data.faults import Faults

Content = TypeVar("Content")
Steps = Sequence[int | str]

_UNION_BRANCHES = ("int", "str")
"""Steps that pydantic adds for ids of either type; they are not in the file."""


def read_json_bytes(path: Path) -> bytes:
    """Return the file without the byte order mark that some editors put before the JSON."""
    return path.read_bytes().removeprefix(b"\xef\xbb\xbf")


def parse_json(
    data: bytes, adapter: TypeAdapter[Content], faults: Faults, expected: str
) -> Content:
    """Return what is in a file; entries of its lists that are faulty are noted and left out.

    Args:
        data: The file.
        adapter: What should be there: a list, or an object with lists.
        faults: Where faults are noted.
        expected: What should be there, in words.

    Raises:
        DataError: Not JSON, or a fault that no entry of a list can be left out for.
    """
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        places = [item["loc"] for item in _note_errors(error, faults)]
    entries = {_entry(place) for place in places}
    if None in entries:
        raise faults.error(expected)
    faults.raise_if_any(expected)
    return adapter.validate_python(_without(json.loads(data), entries))


def _note_errors(error: ValidationError, faults: Faults) -> list[ErrorDetails]:
    items = error.errors(include_url=False, include_context=False)
    for item in items:
        cause = item["msg"].replace("Field required", "missing").removeprefix("Input ")
        named = item["type"] in ("missing", "json_invalid")
        came = "" if named else f", got {item['input']!r:.60}"
        place = _name_place(item["loc"])
        faults.add(f"{place}: {cause}{came}" if place else f"{cause}{came}")
    return items


def _name_place(steps: Steps) -> str:
    """Return a path into the file such as ``annotations[5].bbox[2]``."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step not in _UNION_BRANCHES:
            text += f".{step}" if text else step
    return text


def _entry(place: Steps) -> tuple[int | str, ...] | None:
    """Return the place of the outermost entry of a list that holds it; None outside of lists."""
    for length, step in enumerate(place[:2], start=1):
        if isinstance(step, int):
            return tuple(place[:length])
    return None


def _without(content: Any, entries: Iterable[tuple[int | str, ...] | None]) -> Any:
    """Return the content without some entries of its lists."""
    gone = set(entries)
    if isinstance(content, list):
        return [item for row, item in enumerate(content) if (row,) not in gone]
    return {
        key: [item for row, item in enumerate(part) if (key, row) not in gone]
        if isinstance(part, list)
        else part
        for key, part in content.items()
    }
