"""PASCAL VOC annotations: one XML file per picture.

Corners in the files are 1-based and inclusive: the picture's first pixel alone is 1, 1, 1, 1. Here
it becomes 0, 0, 1, 1.
"""

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from smnas.data.faults import Faults
from smnas.errors import DataError, MissingFileError

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")

BoxXyxy = tuple[float, float, float, float]


@dataclass(frozen=True)
class VocObject:
    """One object: its class, its box inside the picture, and whether it is marked as hard."""

    name: str
    box_xyxy: BoxXyxy
    difficult: bool


@dataclass(frozen=True)
class VocPicture:
    """What one file says: the picture's name (not always the file beside it), size and objects."""

    file_name: str
    width: int
    height: int
    objects: tuple[VocObject, ...]


def read_voc_xml(path: str | Path) -> VocPicture:
    """Return what a VOC annotation file says; boxes that stick out of the picture are clipped.

    Raises:
        MissingFileError: No such file.
        DataError: Not XML, a field missing or not a number, or boxes that are empty or outside; all
            faults of the file are named.
    """
    path = Path(path)
    root = _parse(path)
    faults = Faults(path)
    width = _whole(root, "size/width", faults)
    height = _whole(root, "size/height", faults)
    file_name = root.findtext("filename", default="").strip()
    if not file_name:
        faults.add("filename: missing")
    faults.raise_if_any()
    objects = [
        _read_object(element, f"object {number}", (width, height), faults)
        for number, element in enumerate(root.iterfind("object"), start=1)
    ]
    faults.raise_if_any("correct or remove these objects")
    return VocPicture(file_name, width, height, tuple(item for item in objects if item))


def find_picture(annotation: str | Path, file_name: str) -> Path:
    """Return the picture beside an annotation file, under the name it gives or another extension.

    Raises:
        MissingFileError: There is none.
    """
    folder = Path(annotation).parent
    named = folder / file_name
    candidates = [named, *(named.with_suffix(suffix) for suffix in PICTURE_SUFFIXES)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise MissingFileError(
        f"{annotation}: filename: no picture {file_name!r} beside it, nor one of that name ending "
        f"in {', '.join(PICTURE_SUFFIXES)}"
    )


def _parse(path: Path) -> ElementTree.Element:
    if not path.is_file():
        raise MissingFileError(f"{path}: no such annotation file")
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise DataError(f"{path}: not XML, or truncated: {error}") from None
    if root.tag != "annotation":
        raise DataError(f"{path}: expected a VOC <annotation>, got <{root.tag}>")
    return root


def _number(element: ElementTree.Element, field: str, place: str, faults: Faults) -> float:
    text = element.findtext(field)
    try:
        value = float(text if text is not None else "missing")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        faults.add(f"{place}{field}: expected a number, got {text!r}")
    return value


def _whole(root: ElementTree.Element, field: str, faults: Faults) -> int:
    value = _number(root, field, "", faults)
    if not math.isfinite(value):
        return 0
    if value < 1 or value != int(value):
        faults.add(f"{field}: expected a whole number of pixels from 1 up, got {value:g}")
    return int(value)


def _read_object(
    element: ElementTree.Element, place: str, size: tuple[int, int], faults: Faults
) -> VocObject | None:
    name = element.findtext("name", default="").strip()
    if not name:
        faults.add(f"{place}: name: missing")
    fields = ("bndbox/xmin", "bndbox/ymin", "bndbox/xmax", "bndbox/ymax")
    corners = [_number(element, field, f"{place}: ", faults) for field in fields]
    if not all(math.isfinite(corner) for corner in corners):
        return None
    box = _clip_box((corners[0] - 1, corners[1] - 1, corners[2], corners[3]), size)
    if box is None or corners[2] <= corners[0] or corners[3] <= corners[1]:
        faults.add(
            f"{place} ({name}): bndbox: {[*map(_plain, corners)]} has no area inside the picture "
            f"of {size[0]} x {size[1]}"
        )
        return None
    return VocObject(name, box, element.findtext("difficult", default="0").strip() == "1")


def _clip_box(box: BoxXyxy, size: tuple[int, int]) -> BoxXyxy | None:
    x1, y1 = max(0.0, box[0]), max(0.0, box[1])
    x2, y2 = min(float(size[0]), box[2]), min(float(size[1]), box[3])
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value
