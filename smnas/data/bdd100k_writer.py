"""BDD100K JSON written in its newer shape, ``frames`` and ``config``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from smnas.data.category_file import write_categories
from smnas.data.table import number_categories
from smnas.data.writing import Part, tidy


def write_bdd100k(parts: Mapping[str, Part], out: Path) -> tuple[str, ...]:
    """Write ``SPLIT.json`` for each split, and the pictures into ``images``.

    Frames are called as their pictures' files; ids of categories go into ``categories.json`` where
    the order of the names does not give them.

    Returns:
        What the user should know.
    """
    difficult = 0
    categories = next(iter(parts.values())).table.categories
    names = [item.name for item in categories]
    for name, part in parts.items():
        for row, picture in enumerate(part.table.pictures):
            part.place(row, out / "images" / picture.file_name)
        content = {
            "frames": _describe_frames(part),
            "config": {"imageSize": None, "categories": [{"name": item} for item in names]},
        }
        text = json.dumps(content, ensure_ascii=False)
        (out / f"{name}.json").write_text(text, encoding="utf-8")
        difficult += int(part.table.boxes.difficult.sum())
    notes = ["BDD100K has no ids of pictures: their file names are their ids."]
    if number_categories(names, 1) != categories:
        write_categories(categories, out)
        notes.append(
            "BDD100K numbers classes by their order: their ids are in categories.json, which only "
            "smnas reads."
        )
    if difficult:
        notes.append(
            f"BDD100K has no difficult objects: {difficult} are written as ignored regions, with "
            "an attribute 'difficult' that only smnas reads."
        )
    return tuple(notes)


def _describe_frames(part: Part) -> list[dict[str, Any]]:
    table, frames = part.table, []
    number = 0
    for picture, rows in zip(table.pictures, part.rows(), strict=True):
        labels = [_describe_label(part, row, number + n) for n, row in enumerate(rows.tolist())]
        number += len(labels)
        size = {"width": picture.width, "height": picture.height}
        frames.append({"name": picture.file_name, "size": size, "labels": labels or None})
    return frames


def _describe_label(part: Part, row: int, number: int) -> dict[str, Any]:
    boxes = part.table.boxes
    x1, y1, x2, y2 = (tidy(value) for value in (boxes.xyxy[row] - np.array([0, 0, 1, 1])).tolist())
    attributes = {
        "crowd": bool(boxes.ignore[row] and not boxes.difficult[row]),
        "ignored": bool(boxes.difficult[row]),
    }
    return {
        "id": str(number),
        "category": part.table.categories[boxes.labels[row]].name,
        "attributes": attributes | ({"difficult": True} if boxes.difficult[row] else {}),
        "box2d": {"x1": x1, "y1": y1, "x2": x2, "y2": y2},
    }
