"""A large annotation file, read and checked once: from then on its columns are mapped.

They lie in the cache (``cache.py``) under the file's content and what else decides how it is read.
The pictures are looked for at every opening; where one is missing or has another number of bytes,
the file is read and checked from the beginning, with all that there is to say about it.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smnas.data.cache import finish, keep_folder, make_room
from smnas.data.category_file import FILE_NAME as CATEGORIES
from smnas.data.dataset import Category, hash_content
from smnas.data.table import BoxTable, PictureRow, PictureTable
from smnas.data.table_dataset import TableDataset, measure_file
from smnas.errors import StorageFullError

VERSION = 1
"""Another one where readers find something else in the same file."""
LEAST_BYTES = 4 * 2**20
"""Smaller files are read within half a second."""

_FACTS = "facts.json"
_SAID = ("xyxy", "pictures", "labels", "ignore", "difficult")
"""The columns of ``BoxTable``."""


def open_prepared(
    path: Path, asked: tuple[object, ...], read: Callable[[], TableDataset]
) -> TableDataset:
    """Return what an annotation file says: as ``read`` does, or as it did before.

    Args:
        path: The file.
        asked: What else ``read`` looks at.
        read: Reads and checks it.

    Raises:
        DataError: What the file says is wrong; it is not kept.
    """
    if path.stat().st_size < LEAST_BYTES:
        return read()
    made: list[TableDataset] = []

    def write(folder: Path) -> None:
        made.append(read())
        columns = _columns(made[0])
        make_room(sum(column.nbytes for column in columns.values()))
        _write(folder, made[0], columns)

    try:
        found = keep_folder(
            f"table-{_key(path, asked)}", lambda folder: _open(folder, path), write, 0
        )
    except StorageFullError:  # this saves seconds, no more: nobody need be bothered
        return made[0] if made else read()
    return made[0] if made else found


def _key(path: Path, asked: tuple[object, ...]) -> str:
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").digest()
    names = path.parent / CATEGORIES
    known = names.read_bytes() if names.is_file() else b""
    return hash_content([f"{VERSION}", str(path.absolute()), content, known, *map(repr, asked)])


def _columns(dataset: TableDataset) -> dict[str, NDArray[np.generic]]:
    """Return all that is in the rows; texts as JSON, one after the other."""
    table = dataset.table
    rows = table.pictures
    texts = json.dumps([[row.id for row in rows], [row.file_name for row in rows]]).encode()
    return {
        "texts": np.frombuffer(texts, np.uint8),
        "sizes_N2": np.array([(row.width, row.height) for row in rows], np.int64).reshape(-1, 2),
        "bytes_N": np.array(dataset.file_sizes, np.int64),
        "clipped_xyxy": dataset.clipped_xyxy,
        **{name: getattr(table.boxes, name) for name in _SAID},
    }


def _write(folder: Path, dataset: TableDataset, columns: dict[str, NDArray[np.generic]]) -> None:
    for name, column in columns.items():
        with (folder / f"{name}.npy").open("wb") as file:
            np.save(file, column)
            finish(file)
    table = dataset.table
    facts = {
        "name": table.name,
        "folder": str(table.folder),
        "categories": [asdict(category) for category in table.categories],
        "notes": table.notes,
    }
    with (folder / _FACTS).open("wb") as file:
        file.write(json.dumps(facts).encode())
        finish(file)


def _open(folder: Path, path: Path) -> TableDataset | None:
    """Return what is in a folder; None where nothing is, or where pictures have changed."""
    with suppress(OSError, ValueError, EOFError, KeyError):
        facts = json.loads((folder / _FACTS).read_bytes())
        ids, names = json.loads(np.load(folder / "texts.npy").tobytes())
        sides = np.load(folder / "sizes_N2.npy").tolist()
        table = PictureTable(
            path=path,
            name=facts["name"],
            folder=Path(facts["folder"]),
            categories=tuple(Category(**item) for item in facts["categories"]),
            pictures=[
                PictureRow(id_, name, *side)
                for id_, name, side in zip(ids, names, sides, strict=True)
            ],
            boxes=BoxTable(**{name: np.load(folder / f"{name}.npy", "r") for name in _SAID}),
            notes=tuple(facts["notes"]),
        )
        sizes = np.load(folder / "bytes_N.npy").tolist()
        if [measure_file(path) for path in table.picture_paths()] != sizes:
            return None
        return TableDataset(table, np.load(folder / "clipped_xyxy.npy", "r"), sizes)
    return None
