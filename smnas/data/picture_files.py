"""Where the pictures of a data set are, and how large, without decoding them."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import ExifTags

from smnas.data.picture import open_picture
from smnas.errors import MissingFileError

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")

_LOOKED_AT = 20
"""Pictures that are looked for when the folder has to be found."""
TURNED = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""


def choose_folder(
    annotations: Path, places: Iterable[Path], names: Sequence[str], field: str
) -> Path:
    """Return the first of the places in which most of the first pictures are.

    Args:
        annotations: The file or folder that names the pictures, for messages.
        places: Folders to look in.
        names: The pictures' file names.
        field: Where the first of them stands, for messages.

    Raises:
        MissingFileError: None of the first pictures is in any of the places.
    """
    places = list(dict.fromkeys(places))
    first = names[:_LOOKED_AT]

    def count_found(folder: Path) -> int:
        return sum(os.path.isfile(folder / name) for name in first)  # false for impossible names

    best = max(places, key=count_found)
    if first and count_found(best) == 0:
        raise MissingFileError(
            f"{annotations}: {field}: no {first[0]!r} in "
            + " or ".join(map(str, places))
            + "; name the folder of the pictures with --images"
        )
    return best


def list_pictures(folder: Path) -> list[str]:
    """Return the pictures in a folder and the folders in it, as names from there, in order."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
    )


def measure_picture(path: Path) -> tuple[int, int]:
    """Return width and height of a picture as ``read_picture`` turns it; only its head is read.

    Raises:
        MissingFileError: No such file.
        DataError: Not a picture.
    """
    with open_picture(path) as image:
        width, height = image.size
        turned = image.getexif().get(ExifTags.Base.Orientation) in TURNED
    return (height, width) if turned else (width, height)
