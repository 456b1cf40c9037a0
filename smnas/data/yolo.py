"""YOLO folders: a ``data.yaml``, and for each picture a text file of ``class cx cy w h`` in 0-1.

The rules are those of Ultralytics' documentation ("Object Detection Datasets Overview") and loader:
a split is a folder, a text file of pictures, or a list of these; the labels of
``.../images/NAME.jpg`` are in ``.../labels/NAME.txt``, and where that file is missing the picture
shows nothing. Classes are numbered from 0.
"""

import os
from pathlib import Path

from smnas.data.category_file import settle_categories
from smnas.data.dataset import Category
from smnas.data.faults import Faults
from smnas.data.inside import Inside
from smnas.data.picture_files import list_pictures, measure_picture
from smnas.data.table import BoxRows, PictureRow, PictureTable, check_something_is_there
from smnas.data.table_dataset import Places, TableDataset, open_table
from smnas.data.yolo_file import YoloFile, read_yolo_file
from smnas.data.yolo_labels import label_file, read_label_file
from smnas.errors import DataError


def find_yaml(path: Path) -> Path | None:
    """Return the ``data.yaml`` that a path means, the only one in a folder; None: there is none."""
    if path.is_file():
        return path if path.suffix in (".yaml", ".yml") else None
    if (path / "data.yaml").is_file():
        return path / "data.yaml"
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    return found[0] if len(found) == 1 else None


def load_yolo(
    path: Path,
    images: Path | None = None,
    known: tuple[Category, ...] | None = None,
    faults: Faults | None = None,
) -> dict[str, TableDataset]:
    """Return the splits that a ``data.yaml`` names.

    Args:
        path: The file.
        images: Folder that the paths in it start from; None: its own ``path``.
        known: The categories of the data that this belongs to.
        faults: Where faults are noted; None: they raise. Otherwise what is faulty is left out.

    Raises:
        MissingFileError: No such file or folder.
        DataError: What the files say is wrong; all faults are named.
    """
    faults = faults or Faults(path)
    content = read_yolo_file(path, faults)
    categories = settle_categories(content.classes, 0, path.parent, known, faults)
    root = images or _find_root(path, content)
    splits = {
        name: _find_pictures(name, places, root, faults) for name, places in content.splits.items()
    }
    expected = "expected folders or lists of pictures; --images names what they start at"
    faults.raise_if_any(expected)
    if faults.left_out and not any(names for _, names in splits.values()):
        raise faults.error(expected)
    return {
        name: _open_split(path, name, split, content.classes, categories, faults)
        for name, split in splits.items()
    }


def _find_root(path: Path, content: YoloFile) -> Path:
    """Return the folder that the paths of the splits start from."""
    beside = path.absolute().parent
    named = beside / (content.path or "")
    # Many files carry a path of the machine that wrote them.
    return named if os.path.isdir(named) else beside


def _find_pictures(
    split: str, places: list[str], root: Path, faults: Faults
) -> tuple[Path, list[str]]:
    """Return the folder that the names of a split's pictures start from, and the names.

    It is the only folder of the split, where that has one.
    """
    files: dict[Path, None] = {}
    found, inside = root, Inside(root)
    for place in places:
        found = root / place
        if place.startswith("../") and not inside.holds(place):
            found = root / place[3:]  # written by a tool that puts data.yaml one folder deeper
        if not inside.holds(found):
            faults.add(f"{split}: {place!r} leaves {root}")
        elif os.path.isdir(found):
            files.update(dict.fromkeys(found / name for name in list_pictures(found)))
        elif os.path.isfile(found):
            try:
                files.update(dict.fromkeys(_read_list(found, root)))
            except UnicodeDecodeError:
                faults.add(f"{split}: {place!r} is neither a folder nor a text file in UTF-8")
        else:
            faults.add(f"{split}: no folder or list {place!r} in {root}")
    folder = found if len(places) == 1 and os.path.isdir(found) else root
    for file in files:
        if not inside.holds(file):
            faults.add(f"{split}: {str(file)!r} leaves {root}")
    names = [
        (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix()
        for file in files
        if inside.holds(file)
    ]
    return folder, names


def _read_list(file: Path, root: Path) -> list[Path]:
    """Return the pictures that a text file lists; ``./`` is where the file is."""
    lines = [line.strip() for line in file.read_text("utf-8-sig").splitlines()]
    return [
        (file.parent if line.startswith("./") else root) / line.removeprefix("./")
        for line in lines
        if line
    ]


def _open_split(
    path: Path,
    split: str,
    found: tuple[Path, list[str]],
    classes: list[str],
    categories: tuple[Category, ...],
    faults: Faults,
) -> TableDataset:
    folder, names = found
    by_name = {category.name: label for label, category in enumerate(categories)}
    labels = [by_name.get(name) for name in classes]
    pictures: list[PictureRow] = []
    label_files: list[Path] = []
    boxes = BoxRows()
    for name in names:
        try:
            width, height = measure_picture(folder / name)
        except DataError as error:
            faults.add(f"{split}: {error}")
            continue
        label_files.append(label_file(folder / name))
        for line, number, box in read_label_file(label_files[-1], len(classes), faults):
            scaled = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
            label = labels[number]
            if label is not None:
                boxes.add(len(pictures), line, scaled, label)
        pictures.append(PictureRow(name, name, width, height))
    check_something_is_there(len(pictures), boxes.ignore, faults)
    faults.raise_if_any("expected lines of: class cx cy width height, all but class in 0-1")
    table = PictureTable(
        path=path,
        name=f"{path.absolute().parent.name}/{split}",
        folder=folder.absolute(),
        categories=categories,
        pictures=pictures,
        boxes=boxes.table(),
    )

    def box_place(number: int) -> tuple[str, object]:
        file = label_files[boxes.pictures[number]]
        return f"{file}: line {boxes.places[number]}", boxes.xyxy[number]

    return open_table(table, Places(lambda row: f"{split}: picture {row}", box_place), faults)
