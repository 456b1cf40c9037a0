"""Picture files: unreadable ones, sizes that the annotations deny, turns that EXIF asks for."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from smnas.data.checks.finding import Finding, Reporter
from smnas.data.dataset import DetectionDataset
from smnas.data.lookalikes import Look, look_of, read_look
from smnas.data.picture import open_picture, read_picture
from smnas.data.picture_files import TURNED
from smnas.data.wording import count
from smnas.errors import DataError

UPRIGHT = 1


@dataclass(frozen=True, eq=False)
class SeenPicture:
    """What reading a picture file has told.

    Attributes:
        file: Where it is.
        fault: Why it cannot be read; then the rest says nothing.
        size: Width and height as shown.
        orientation: What EXIF says; 1 is upright.
        look: For likeness.
        content: Hash of the file's bytes.
    """

    file: Path
    fault: str | None = None
    size: tuple[int, int] = (0, 0)
    orientation: int = UPRIGHT
    look: Look | None = None
    content: bytes = b""


def see_picture(file: Path) -> SeenPicture:
    """Read a picture file as the loader would; JPEG at a smaller scale, which hides no fault."""
    try:
        with open_picture(file) as image:
            jpeg, (width, height) = image.format == "JPEG", image.size
            orientation = int(image.getexif().get(ExifTags.Base.Orientation, UPRIGHT))
        look = read_look(file) if jpeg else look_of(Image.fromarray(read_picture(file)))
        content = hashlib.blake2b(file.read_bytes(), digest_size=16).digest()
    except (DataError, OSError) as error:
        return SeenPicture(file, fault=str(error))
    size = (height, width) if orientation in TURNED else (width, height)
    return SeenPicture(file, None, size, orientation, look, content)


def check_pictures(
    dataset: DetectionDataset, seen: Sequence[SeenPicture], report: Reporter
) -> Iterator[Finding]:
    """Yield what is wrong with the picture files of a split.

    Args:
        dataset: The split.
        seen: Its pictures, in order.
        report: Makes the findings.
    """
    broken = [item.fault for item in seen if item.fault is not None]
    if broken:
        yield report.find(
            "error",
            "picture-unreadable",
            f"{count(len(broken), 'picture')} cannot be read",
            "replace or remove these files, and their entries in the annotations",
            broken,
        )
    sound = [(index, item) for index, item in enumerate(seen) if item.fault is None]
    said = {index: dataset.picture_size(index) for index, _ in sound}
    wrong = [(index, item) for index, item in sound if item.size != said[index]]
    lying = [pair for pair in wrong if _is_turned(pair[1], said[pair[0]])]
    other = [pair for pair in wrong if not _is_turned(pair[1], said[pair[0]])]
    if lying:
        yield report.find(
            "error",
            "picture-turned",
            f"{count(len(lying), 'picture')} shown turned by EXIF, annotated as stored",
            "annotate pictures as they are shown, or remove the EXIF orientation from the files",
            (_sizes(item, said[index]) for index, item in lying),
        )
    if other:
        yield report.find(
            "error",
            "picture-size",
            f"{count(len(other), 'picture')} of another size than the annotations say",
            "correct width and height, and the boxes if the pictures have been resized",
            (_sizes(item, said[index]) for index, item in other),
        )
    yield from _check_orientation(
        [item for index, item in sound if item.size == said[index]], report
    )


def _check_orientation(agreeing: Sequence[SeenPicture], report: Reporter) -> Iterator[Finding]:
    """Yield findings on pictures with an EXIF orientation whose size agrees as shown."""
    doubtful: list[SeenPicture] = []
    known: list[SeenPicture] = []
    for item in agreeing:
        if item.orientation != UPRIGHT:
            told_by_size = item.orientation in TURNED and item.size[0] != item.size[1]
            (known if told_by_size else doubtful).append(item)
    if doubtful:
        yield report.find(
            "warning",
            "picture-orientation",
            f"{count(len(doubtful), 'picture')} turned by EXIF without a trace in their size",
            "they are square, mirrored or upside down: look at some whether their boxes fit, and "
            "remove the EXIF orientation from files that are upright without it",
            (f"{item.file} (orientation {item.orientation})" for item in doubtful),
        )
    if known:
        yield report.find(
            "note",
            "picture-orientation",
            f"{count(len(known), 'picture')} turned by EXIF, annotated as shown",
            "nothing to do here; other tools may show them turned",
            (str(item.file) for item in known),
        )


def stack_looks(seen: Sequence[SeenPicture]) -> tuple[list[int], np.ndarray]:
    """Return the positions of the readable pictures, and their looks: N x 9 x 9."""
    rows = [row for row, item in enumerate(seen) if item.look is not None]
    looks = [item.look for item in seen if item.look is not None]
    return rows, np.stack(looks) if looks else np.zeros((0, 9, 9), np.uint8)


def _is_turned(item: SeenPicture, said: tuple[int, int]) -> bool:
    return item.orientation in TURNED and item.size == said[::-1]


def _sizes(item: SeenPicture, said: tuple[int, int]) -> str:
    return (
        f"{item.file}: {item.size[0]} x {item.size[1]} pixels, annotated as {said[0]} x {said[1]}"
    )
