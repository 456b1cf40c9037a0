"""Pascal VOC folders written: ``Annotations``, ``JPEGImages`` and ``ImageSets/Main``."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from smnas.data.category_file import write_categories
from smnas.data.table import PictureRow, number_categories
from smnas.data.voc_folder import ANNOTATIONS, PICTURES, SETS
from smnas.data.writing import Part, require_stems, tidy


def write_voc(parts: Mapping[str, Part], out: Path) -> tuple[str, ...]:
    """Write annotations, pictures and image sets; a single split becomes ``trainval``.

    Corners that are not whole pixels keep their decimals.

    Returns:
        What the user should know.

    Raises:
        DataError: Pictures that differ in their extension only.
    """
    crowds = tiny = outside = 0
    used: set[int] = set()
    sets = out / SETS
    sets.mkdir(parents=True)
    for name, part in parts.items():
        require_stems(part)
        clipped, boxes = part.clipped_xyxy(), part.table.boxes
        outside += int((np.abs(clipped - boxes.xyxy) > 1e-3).any(axis=1).sum())
        wide = np.asarray((clipped[:, 2:] - clipped[:, :2] > 1.0).all(axis=1), np.bool_)
        tiny += int((~wide).sum())
        crowds += int((boxes.ignore & ~boxes.difficult & wide).sum())
        used |= set(boxes.labels[wide].tolist())
        for row, rows in enumerate(part.rows()):
            picture = part.table.pictures[row]
            part.place(row, out / PICTURES / picture.file_name)
            file = (out / ANNOTATIONS / picture.file_name).with_suffix(".xml")
            file.parent.mkdir(parents=True, exist_ok=True)
            tree = ElementTree.ElementTree(_describe(part, picture, clipped, rows[wide[rows]]))
            ElementTree.indent(tree)
            tree.write(file, encoding="utf-8")
        stems = [PurePosixPath(row.file_name).with_suffix("") for row in part.table.pictures]
        split = "trainval" if len(parts) == 1 else name
        (sets / f"{split}.txt").write_text("".join(f"{stem}\n" for stem in stems), "utf-8")
    categories = next(iter(parts.values())).table.categories
    notes = ["VOC has no ids of pictures: their file names are their ids."]
    names = sorted(categories[label].name for label in used)
    if number_categories(names, 1) != categories:
        write_categories(categories, out)
        notes.append(
            "VOC has names of classes only: their ids, and classes without objects, are in "
            "categories.json, which only smnas reads."
        )
    for count, told in (
        (crowds, "VOC has no crowds: {} are written as difficult, with a field that smnas reads"),
        (tiny, "VOC corners are whole pixels: {} boxes of at most one pixel are left out"),
        (outside, "VOC boxes lie inside of their pictures: {} are clipped"),
    ):
        notes += [f"{told.format(count)}."] if count else []
    return tuple(notes)


def _describe(
    part: Part, picture: PictureRow, clipped: NDArray[np.float64], rows: NDArray[np.int64]
) -> ElementTree.Element:
    root = ElementTree.Element("annotation")
    _add(root, "folder", PICTURES)
    _add(root, "filename", PurePosixPath(picture.file_name).name)
    size = ElementTree.SubElement(root, "size")
    for field, value in (("width", picture.width), ("height", picture.height), ("depth", 3)):
        _add(size, field, value)
    _add(root, "segmented", 0)
    boxes = part.table.boxes
    for row in rows.tolist():
        item = ElementTree.SubElement(root, "object")
        _add(item, "name", part.table.categories[boxes.labels[row]].name)
        _add(item, "pose", "Unspecified")
        _add(item, "truncated", 0)
        _add(item, "difficult", int(boxes.ignore[row]))
        if boxes.ignore[row] and not boxes.difficult[row]:
            _add(item, "crowd", 1)
        box = ElementTree.SubElement(item, "bndbox")
        corners = (clipped[row] + np.array([1, 1, 0, 0])).tolist()
        for field, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True):
            _add(box, field, int(value) if value == int(value) else tidy(value))
    return root


def _add(parent: ElementTree.Element, field: str, value: object) -> None:
    ElementTree.SubElement(parent, field).text = str(value)
