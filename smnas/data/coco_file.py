"""What a COCO JSON file may say: read, checked, and every fault of it named at once."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from smnas.data.faults import Faults
from smnas.errors import MissingFileError

Text = Annotated[str, Field(min_length=1)]
Pixels = Annotated[int, Field(ge=1)]

_UNION_BRANCHES = ("int", "str")
"""Steps that pydantic adds for ids of either type; they are not in the file."""

# A large file has a million entries: models would take twice the time and memory of slots.


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One entry of ``images``; what else it says is not needed."""

    id: int | str
    file_name: Text
    width: Pixels
    height: Pixels


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One entry of ``annotations``; ``bbox`` is left, top, width, height."""

    image_id: int | str
    category_id: int
    bbox: tuple[float, float, float, float]
    id: int | str | None = None
    iscrowd: bool = False


@dataclass(frozen=True, slots=True)
class CocoCategory:
    """One entry of ``categories``."""

    id: int
    name: Text


@dataclass(frozen=True, slots=True)
class CocoFile:
    """The parts of a COCO file that detection needs."""

    images: list[CocoImage]
    annotations: list[CocoAnnotation]
    categories: list[CocoCategory]


_FILE = TypeAdapter(CocoFile)


def read_coco_file(path: Path) -> CocoFile:
    """Return the content of a COCO file whose fields are all there, unique and known.

    Raises:
        MissingFileError: No such file.
        DataError: Not JSON, truncated, keys missing or of the wrong type, nothing in it, ids that
            are twice there, or that name no image or category.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such annotation file; expected a COCO JSON file")
    content = _parse(path)
    faults = Faults(path)
    _check_ids(content, faults)
    faults.raise_if_any()
    return content


def _parse(path: Path) -> CocoFile:
    # Some editors put a byte order mark before the JSON.
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        return _FILE.validate_json(data)
    except ValidationError as error:
        faults = Faults(path)
        for item in error.errors(include_url=False, include_context=False):
            cause = item["msg"].replace("Field required", "missing").removeprefix("Input ")
            named = item["type"] in ("missing", "json_invalid")
            came = "" if named else f", got {item['input']!r:.60}"
            place = _place(item["loc"])
            faults.add(f"{place}: {cause}{came}" if place else f"{cause}{came}")
        raise faults.error("expected COCO JSON: images, annotations and categories") from None


def _place(steps: Sequence[int | str]) -> str:
    """Return a path into the file such as ``annotations[5].bbox[2]``."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step not in _UNION_BRANCHES:
            text += f".{step}" if text else step
    return text


def _check_ids(content: CocoFile, faults: Faults) -> None:
    for field, entries in (("images", content.images), ("categories", content.categories)):
        if not entries:
            faults.add(f"{field}: empty; expected at least one")
    if not content.annotations:
        faults.add("annotations: empty; without a single box there is nothing to learn or measure")
    elif all(item.iscrowd for item in content.annotations):
        faults.add("annotations: all are crowds (iscrowd), which are neither learnt nor measured")
    _check_unique("images", "id", [image.id for image in content.images], faults)
    _check_unique("images", "file_name", [image.file_name for image in content.images], faults)
    _check_unique("categories", "id", [category.id for category in content.categories], faults)
    _check_unique("categories", "name", [category.name for category in content.categories], faults)
    _check_unique(
        "annotations",
        "id",
        [item.id for item in content.annotations if item.id is not None],
        faults,
    )
    image_ids = {image.id for image in content.images}
    category_ids = {category.id for category in content.categories}
    for number, item in enumerate(content.annotations):
        if item.image_id not in image_ids:
            faults.add(f"{name_annotation(item, number)}.image_id: no image {item.image_id!r}")
        if item.category_id not in category_ids:
            faults.add(
                f"{name_annotation(item, number)}.category_id: no category {item.category_id}; "
                f"categories has {_some(category_ids)}"
            )


def _check_unique(field: str, key: str, values: Iterable[Hashable], faults: Faults) -> None:
    for value, count in Counter(values).items():
        if count > 1:
            faults.add(f"{field}: {key} {value!r} is there {count} times; expected once")


def _some(ids: Iterable[int], shown: int = 10) -> str:
    ordered = sorted(ids)
    return ", ".join(map(str, ordered[:shown])) + (", ..." if len(ordered) > shown else "")


def name_annotation(item: CocoAnnotation, number: int) -> str:
    """Return how an annotation is called in messages: by its id where it has one."""
    return f"annotations[{number}]" if item.id is None else f"annotations[{number}] (id {item.id})"


def clip_boxes(content: CocoFile, rows: NDArray[np.int64], faults: Faults) -> NDArray[np.float32]:
    """Return all boxes as x1, y1, x2, y2, clipped to their pictures.

    A box that merely sticks out is clipped; one that is not finite, has no area, or lies wholly
    outside is a fault: it cannot be meant, and guessing would hide a broken export.

    Args:
        content: The file.
        rows: N, position in ``images`` of each annotation's picture.
        faults: Where faults are noted.
    """
    boxes_xywh = np.array([item.bbox for item in content.annotations], dtype=np.float64)
    sizes = np.array([(image.width, image.height) for image in content.images])[rows]
    with np.errstate(invalid="ignore"):  # not-a-number is looked for below
        corners = np.hstack([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]])
        clipped = np.clip(corners, 0.0, np.hstack([sizes, sizes])).astype(np.float32)
        good = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
        good &= np.isfinite(boxes_xywh).all(axis=1) & (boxes_xywh[:, 2:] > 0).all(axis=1)
    for number in np.flatnonzero(~good):
        item = content.annotations[number]
        cause = _box_fault(item.bbox)
        width, height = sizes[number]
        faults.add(
            f"{name_annotation(item, int(number))}.bbox: {cause}, got {list(item.bbox)} "
            f"in a picture of {width} x {height}"
        )
    return clipped


def _box_fault(box_xywh: tuple[float, float, float, float]) -> str:
    if not all(map(math.isfinite, box_xywh)):
        return "expected four finite numbers"
    if box_xywh[2] <= 0 or box_xywh[3] <= 0:
        return "expected a width and height above 0"
    return "expected a box that covers some of the picture"
