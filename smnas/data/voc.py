"""PASCAL VOC annotations: one XML file per picture.

Corners in the files are 1-based and inclusive: the picture's first pixel alone is 1, 1, 1, 1. Here
it becomes 0, 0, 1, 1.
"""

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smnas.data.faults import Faults
from smnas.data.picture_files import PICTURE_SUFFIXES
from smnas.data.table import MAX_SIDE_PX, BoxXyxy
from smnas.errors import DataError, MissingFileError

Note = Callable[[str], None]
"""Takes a fault."""


@dataclass(frozen=True)
class VocObject:
    """One object.

    Attributes:
        name: Its class.
        box_xyxy: Inside the picture.
        whole_xyxy: As it is written, parts outside of the picture included.
        difficult: Marked as hard: neither missed nor false.
        crowd: Written by our converter, beside ``difficult``, for regions of many objects.
    """

    name: str
    box_xyxy: BoxXyxy
    whole_xyxy: BoxXyxy
    difficult: bool
    crowd: bool


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
    faults = Faults(path)
    found = note_voc_xml(path, faults.add)
    faults.raise_if_any("correct or remove what is named")
    if found is None:
        raise faults.error()
    return found


def note_voc_xml(path: Path, note: Note) -> VocPicture | None:
    """Return what a VOC annotation file says but for what is wrong, which is noted.

    None where size or name of the picture are wrong.

    Raises:
        MissingFileError: No such file.
        DataError: Not XML.
    """
    root = _parse(path)
    width = _whole(root, "size/width", note)
    height = _whole(root, "size/height", note)
    file_name = root.findtext("filename", default="").strip()
    if not file_name:
        note("filename: missing")
    if not (width and height and file_name):
        return None
    objects = [
        _read_object(element, f"object {number}", (width, height), note)
        for number, element in enumerate(root.iterfind("object"), start=1)
    ]
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


def _number(element: ElementTree.Element, field: str, place: str, note: Note) -> float:
    text = element.findtext(field)
    try:
        value = float(text if text is not None else "missing")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        note(f"{place}{field}: expected a number, got {text!r}")
    return value


def _whole(root: ElementTree.Element, field: str, note: Note) -> int:
    """Return a number of pixels; 0 where there is none."""
    value = _number(root, field, "", note)
    if not math.isfinite(value):
        return 0
    if not 1 <= value <= MAX_SIDE_PX or value != int(value):
        note(f"{field}: expected a whole number of pixels, 1 to {MAX_SIDE_PX:,}, got {value:g}")
        return 0
    return int(value)


def _read_object(
    element: ElementTree.Element, place: str, size: tuple[int, int], note: Note
) -> VocObject | None:
    name = element.findtext("name", default="").strip()
    if not name:
        note(f"{place}: name: missing")
    fields = ("bndbox/xmin", "bndbox/ymin", "bndbox/xmax", "bndbox/ymax")
    corners = [_number(element, field, f"{place}: ", note) for field in fields]
    if not name or not all(map(math.isfinite, corners)):
        return None
    whole = (corners[0] - 1, corners[1] - 1, corners[2], corners[3])
    box = _clip_box(whole, size)
    if box is None or corners[2] <= corners[0] or corners[3] <= corners[1]:
        note(
            f"{place} ({name}): bndbox: {[*map(_plain, corners)]} has no area inside the picture "
            f"of {size[0]} x {size[1]}"
        )
        return None
    difficult, crowd = (_is_marked(element, field) for field in ("difficult", "crowd"))
    return VocObject(name, box, whole, difficult, crowd)


def _is_marked(element: ElementTree.Element, field: str) -> bool:
    return element.findtext(field, default="0").strip() == "1"


def _clip_box(box: BoxXyxy, size: tuple[int, int]) -> BoxXyxy | None:
    x1, y1 = max(0.0, box[0]), max(0.0, box[1])
    x2, y2 = min(float(size[0]), box[2]), min(float(size[1]), box[3])
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value
