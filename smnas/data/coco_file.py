"""What a COCO JSON file may say: read, checked, and every fault of it named at once."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from smnas.data.faults import Faults
from smnas.data.json_file import parse_json, read_json_bytes
from smnas.data.table import PictureRow, Text, check_something_is_there
from smnas.errors import MissingFileError

_EXPECTED = "expected COCO JSON: images, annotations and categories"

CategoryId = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""Detections carry it as int64."""

# A large file has a million entries: models would take twice the time and memory of slots.


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One entry of ``annotations``; ``bbox`` is left, top, width, height.

    ``difficult`` is no key of COCO's: our converter writes it beside ``iscrowd`` for VOC's
    difficult objects, which other tools then take for crowds.
    """

    image_id: int | str
    category_id: CategoryId
    bbox: tuple[float, float, float, float]
    id: int | str | None = None
    iscrowd: bool = False
    difficult: bool = False


@dataclass(frozen=True, slots=True)
class CocoCategory:
    """One entry of ``categories``."""

    id: CategoryId
    name: Text


@dataclass(frozen=True, slots=True)
class CocoFile:
    """The parts of a COCO file that detection needs."""

    images: list[PictureRow]
    annotations: list[CocoAnnotation]
    categories: list[CocoCategory]


_FILE = TypeAdapter(CocoFile)
Entry = TypeVar("Entry", PictureRow, CocoAnnotation, CocoCategory)


def read_coco_file(path: Path, faults: Faults | None = None) -> CocoFile:
    """Return the content of a COCO file whose fields are all there, unique and known.

    Args:
        path: The file.
        faults: Where faults are noted; None: they raise. Otherwise faulty entries are left out.

    Raises:
        MissingFileError: No such file.
        DataError: Not JSON, truncated, keys missing or of the wrong type, nothing in it, ids that
            are twice there, or that name no image or category.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such annotation file; expected a COCO JSON file")
    faults = faults or Faults(path)
    content = parse_json(read_json_bytes(path), _FILE, faults, _EXPECTED)
    content = _leave_out_doubles(_leave_out_strangers(content, faults), faults)
    if not content.categories:
        faults.add("categories: empty; expected at least one")
    crowds = [item.iscrowd or item.difficult for item in content.annotations]
    check_something_is_there(len(content.images), crowds, faults)
    faults.raise_if_any("correct or remove what is named")
    return content


def _leave_out_doubles(content: CocoFile, faults: Faults) -> CocoFile:
    """Return the content with the first of entries whose id, name or file is there twice.

    What belongs to an entry that is left out goes too, since nobody can tell whose it is.
    """
    images = _first_of_each(content.images, "images", ("id", "file_name"), faults)
    categories = _first_of_each(content.categories, "categories", ("id", "name"), faults)
    annotations = _first_of_each(content.annotations, "annotations", ("id",), faults)
    if len(images) < len(content.images) or len(categories) < len(content.categories):
        lost = {item.id for item in content.images} - {item.id for item in images}
        gone = {item.id for item in content.categories} - {item.id for item in categories}
        annotations = [
            item
            for item in annotations
            if item.image_id not in lost and item.category_id not in gone
        ]
    return CocoFile(images, annotations, categories)


def _first_of_each(
    entries: list[Entry], field: str, keys: Iterable[str], faults: Faults
) -> list[Entry]:
    for key in keys:
        values = [getattr(entry, key) for entry in entries]
        double = {value: n for value, n in Counter(values).items() if n > 1 and value is not None}
        for value, count in double.items():
            faults.add(f"{field}: {key} {value!r} is there {count} times; expected once")
        if double:
            firsts = {value: row for row, value in reversed(list(enumerate(values)))}
            entries = [
                entry
                for row, (entry, value) in enumerate(zip(entries, values, strict=True))
                if value is None or firsts[value] == row
            ]
    return entries


def _leave_out_strangers(content: CocoFile, faults: Faults) -> CocoFile:
    """Return the content without annotations of pictures or categories that are not there."""
    image_ids = {image.id for image in content.images}
    category_ids = {category.id for category in content.categories}
    strangers: set[int] = set()
    for number, item in enumerate(content.annotations):
        if item.image_id not in image_ids:
            strangers.add(number)
            name = name_annotation(item, number, faults)
            faults.add(f"{name}.image_id: no image {item.image_id!r}")
        if item.category_id not in category_ids:
            strangers.add(number)
            name = name_annotation(item, number, faults)
            faults.add(
                f"{name}.category_id: no category {item.category_id}; "
                f"categories has {_some(category_ids)}"
            )
    if not strangers:
        return content
    known = [item for row, item in enumerate(content.annotations) if row not in strangers]
    return CocoFile(content.images, known, content.categories)


def _some(ids: Iterable[int], shown: int = 10) -> str:
    ordered = sorted(ids)
    return ", ".join(map(str, ordered[:shown])) + (", ..." if len(ordered) > shown else "")


def name_annotation(item: CocoAnnotation, number: int, faults: Faults) -> str:
    """Return how an annotation is called in messages: by its place in the file, and by its id.

    Where others have been left out its place is not known any more.
    """
    if faults.left_out:
        named = f"of image {item.image_id!r}" if item.id is None else f"id {item.id}"
        return f"annotations ({named})"
    return f"annotations[{number}]" if item.id is None else f"annotations[{number}] (id {item.id})"
