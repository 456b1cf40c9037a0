"""YOLO folders written: ``data.yaml``, ``images/SPLIT`` and ``labels/SPLIT``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from smnas.data.category_file import write_categories
from smnas.data.table import number_categories
from smnas.data.writing import Part, require_stems


def write_yolo(parts: Mapping[str, Part], out: Path) -> tuple[str, ...]:
    """Write ``data.yaml``, the pictures and their labels.

    Coordinates carry all their digits, so that boxes come back exactly.

    Returns:
        What the user should know.

    Raises:
        DataError: Pictures that differ in their extension only.
    """
    ignored = outside = 0
    for name, part in parts.items():
        require_stems(part)
        clipped = part.clipped_xyxy()
        outside += int((np.abs(clipped - part.table.boxes.xyxy) > 1e-3).any(axis=1).sum())
        ignored += int(part.table.boxes.ignore.sum())
        for row, rows in enumerate(part.rows()):
            picture = part.table.pictures[row]
            part.place(row, out / "images" / name / picture.file_name)
            file = (out / "labels" / name / picture.file_name).with_suffix(".txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(_describe(part, row, clipped, rows)))
    categories = next(iter(parts.values())).table.categories
    content: dict[str, Any] = {name: f"images/{name}" for name in parts}
    content |= {"nc": len(categories), "names": dict(enumerate(item.name for item in categories))}
    with (out / "data.yaml").open("w", encoding="utf-8") as file:
        yaml.safe_dump(content, file, sort_keys=False, allow_unicode=True)
    notes = ["YOLO has no ids of pictures: their file names are their ids."]
    if number_categories([item.name for item in categories], 0) != categories:
        write_categories(categories, out)
        notes.append(
            "YOLO numbers classes from 0: their ids are in categories.json, which only smnas reads."
        )
    if ignored:
        notes.append(
            f"YOLO knows nothing that is ignored: {ignored} crowds, difficult or ignored boxes are "
            "left out, and what is found there will count as false alarms."
        )
    if outside:
        notes.append(f"YOLO boxes lie inside of their pictures: {outside} are clipped.")
    if "val" not in parts:
        notes.append("Other tools want a 'val' in data.yaml; these data have none.")
    return tuple(notes)


def _describe(
    part: Part, row: int, clipped: NDArray[np.float64], rows: NDArray[np.int64]
) -> list[str]:
    """Return the lines of a picture: class, middle, width and height, in shares of the picture."""
    picture, boxes = part.table.pictures[row], part.table.boxes
    lines: list[str] = []
    for number in rows.tolist():
        if boxes.ignore[number]:
            continue
        x1, y1, x2, y2 = clipped[number].tolist()
        places = (
            (x1 + x2) / 2 / picture.width,
            (y1 + y2) / 2 / picture.height,
            (x2 - x1) / picture.width,
            (y2 - y1) / picture.height,
        )
        lines.append(" ".join(map(str, (boxes.labels[number], *places))) + "\n")
    return lines
