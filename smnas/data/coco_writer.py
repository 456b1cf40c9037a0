"""COCO JSON written: one file for each split, all pictures in ``images``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smnas.data.table import PictureTable
from smnas.data.writing import Part, tidy


def write_coco(parts: Mapping[str, Part], out: Path) -> tuple[str, ...]:
    """Write ``SPLIT.json`` for each split, and the pictures; ``load_coco`` reads them exactly.

    Ids of categories stay; ids of pictures too, where all of them are whole numbers, as COCO's own
    tools want them. Ignored boxes are crowds; difficult ones carry ``difficult`` beside.

    Returns:
        What the user should know.
    """
    difficult = 0
    for name, part in parts.items():
        for row, picture in enumerate(part.table.pictures):
            part.place(row, out / "images" / picture.file_name)
        text = json.dumps(_describe(part.table), ensure_ascii=False)
        (out / f"{name}.json").write_text(text, encoding="utf-8")
        difficult += int(part.table.boxes.difficult.sum())
    if not difficult:
        return ()
    return (
        f"COCO has no difficult objects: {difficult} are written as crowds, with a key 'difficult' "
        "that only smnas reads; other tools will ignore all detections inside of them.",
    )


def _describe(table: PictureTable) -> dict[str, Any]:
    ids: list[int | str] = [row.id for row in table.pictures]
    if not all(isinstance(item, int) for item in ids):
        ids = list(range(1, len(ids) + 1))
    images = [
        {"id": item, "file_name": row.file_name, "width": row.width, "height": row.height}
        for item, row in zip(ids, table.pictures, strict=True)
    ]
    return {
        "images": images,
        "annotations": [_describe_box(table, ids, number) for number in range(len(table.boxes))],
        "categories": [{"id": item.id, "name": item.name} for item in table.categories],
    }


def _describe_box(table: PictureTable, ids: list[int | str], number: int) -> dict[str, Any]:
    boxes = table.boxes
    x1, y1, x2, y2 = boxes.xyxy[number].tolist()
    left, top, width, height = tidy(x1), tidy(y1), tidy(x2 - x1), tidy(y2 - y1)
    described = {
        "id": number + 1,
        "image_id": ids[boxes.pictures[number]],
        "category_id": table.categories[boxes.labels[number]].id,
        "bbox": [left, top, width, height],
        "area": tidy(width * height),
        "iscrowd": int(boxes.ignore[number]),
    }
    return described | ({"difficult": 1} if boxes.difficult[number] else {})
