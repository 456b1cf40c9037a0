"""COCO JSON: the format in which most users bring their own pictures."""

from pathlib import Path

import numpy as np

from smnas.data.coco_file import CocoCategory, CocoFile, name_annotation, read_coco_file
from smnas.data.dataset import Category
from smnas.data.faults import Faults
from smnas.data.picture_files import choose_folder
from smnas.data.table import BoxTable, PictureTable
from smnas.data.table_dataset import Places, TableDataset, open_table


def load_coco(
    path: str | Path,
    images: str | Path | None = None,
    look_in: str | Path | None = None,
    faults: Faults | None = None,
) -> TableDataset:
    """Return the pictures of a COCO JSON file.

    Everything but the pixels is checked here; pictures are read when they are asked for.

    Args:
        path: The annotation file.
        images: Folder that the file names start from; where not given it is looked for: the folder
            of the annotation file, ``images`` in it, and ``images`` beside it.
        look_in: A further place to look at, before these.
        faults: Where faults are noted; None: they raise. Otherwise what is faulty is left out.

    Raises:
        MissingFileError: No such file or folder.
        DataError: What the file says is wrong; all faults are named.
    """
    path = Path(path)
    faults = faults or Faults(path)
    content = read_coco_file(path, faults)
    folder = Path(images) if images else _find_folder(path, content, look_in)
    table = PictureTable(
        path=path,
        name=path.name,
        folder=folder.absolute(),
        categories=tuple(Category(item.id, item.name) for item in _by_id(content)),
        pictures=content.images,
        boxes=_tabulate_boxes(content),
    )

    def box_place(number: int) -> tuple[str, object]:
        item = content.annotations[number]
        return f"{name_annotation(item, number, faults)}.bbox", list(item.bbox)

    def picture_place(row: int) -> str:
        name = f"images (id {content.images[row].id})" if faults.left_out else f"images[{row}]"
        return f"{name}.file_name"

    return open_table(table, Places(picture_place, box_place), faults)


def _by_id(content: CocoFile) -> list[CocoCategory]:
    return sorted(content.categories, key=lambda item: item.id)


def _tabulate_boxes(content: CocoFile) -> BoxTable:
    found = content.annotations
    xywh = np.array([item.bbox for item in found], dtype=np.float64).reshape(-1, 4)
    with np.errstate(over="ignore"):  # infinite boxes are told as such
        xyxy = np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]])
    positions = {image.id: row for row, image in enumerate(content.images)}
    labels = {category.id: label for label, category in enumerate(_by_id(content))}
    difficult = np.array([item.difficult for item in found], dtype=np.bool_)
    return BoxTable(
        xyxy=xyxy,
        pictures=np.array([positions[item.image_id] for item in found], dtype=np.int64),
        labels=np.array([labels[item.category_id] for item in found], dtype=np.int64),
        ignore=np.array([item.iscrowd for item in found], dtype=np.bool_) | difficult,
        difficult=difficult,
    )


def _find_folder(path: Path, content: CocoFile, look_in: str | Path | None) -> Path:
    """Return the place in which most of the first pictures are."""
    places = [path.parent, path.parent / "images", path.absolute().parent.parent / "images"]
    if look_in:
        places.insert(0, Path(look_in))
    names = [image.file_name for image in content.images]
    return choose_folder(path, places, names, "images[0].file_name")
