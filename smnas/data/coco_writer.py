"""Any data set written as COCO JSON with its pictures, for other tools and for tests."""

import json
from pathlib import Path

from PIL import Image

from smnas.data.annotations import Annotations
from smnas.data.dataset import DetectionDataset


def write_coco(dataset: DetectionDataset, folder: str | Path) -> Path:
    """Write ``annotations.json`` and ``images/`` into a folder; ``load_coco`` reads them exactly.

    Pictures become PNG, which loses nothing. Ignored boxes are written as crowds.

    Args:
        dataset: What is written.
        folder: Made where it is not there.

    Returns:
        The path of the JSON file.
    """
    folder = Path(folder)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for index in range(len(dataset)):
        picture, found = dataset.read(index)
        file_name = f"{index:06d}.png"
        Image.fromarray(picture).save(folder / "images" / file_name)
        picture_id = dataset.picture_id(index)
        height, width = picture.shape[:2]
        images.append({"id": picture_id, "file_name": file_name, "width": width, "height": height})
        annotations += _describe(dataset, found, picture_id, first_id=len(annotations) + 1)
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": item.id, "name": item.name} for item in dataset.categories],
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path


def _describe(
    dataset: DetectionDataset, found: Annotations, picture_id: int | str, first_id: int
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for box, label, ignore in zip(found.boxes_xyxy, found.labels, found.ignore, strict=True):
        left, top, right, bottom = map(float, box)
        rows.append(
            {
                "id": first_id + len(rows),
                "image_id": picture_id,
                "category_id": dataset.categories[label].id,
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
                "iscrowd": int(ignore),
            }
        )
    return rows
