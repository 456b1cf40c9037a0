"""The embedded parts of a split: real cut-outs, digits and photographs that no other split has."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smnas.data.dataset import Category, hash_content
from smnas.data.picture import Picture, read_picture
from smnas.data.scenes.settings import SplitName

Tiles = NDArray[np.uint8]
"""N x side x side, grey values on a black ground."""

CATEGORIES = tuple(
    Category(id, name)
    for id, name in enumerate(("top", "trouser", "dress", "footwear", "bag"), start=1)
)

CUTOUT_PX = 28
DIGIT_PX = 12
"""Sides of the tiles on their sheets."""

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Parts:
    """What the pictures of one split are made of.

    Attributes:
        cutouts: For each of ``CATEGORIES`` its products.
        digits: Handwritten digits.
        photographs: Backgrounds and patterns.
        content_id: 12 hex digits of the files' content.
    """

    cutouts: tuple[Tiles, ...]
    digits: Tiles
    photographs: tuple[Picture, ...]
    content_id: str


@cache
def load_parts(split: SplitName) -> Parts:
    """Return the parts of a split, read once per process; not to be written to."""
    folder = _FOLDER / split
    files = sorted(path for path in folder.iterdir() if path.suffix in (".png", ".jpg"))
    return Parts(
        cutouts=tuple(_read_sheet(folder / f"{c.name}.png", CUTOUT_PX) for c in CATEGORIES),
        digits=_read_sheet(folder / "digits.png", DIGIT_PX),
        photographs=tuple(read_picture(path) for path in files if path.suffix == ".jpg"),
        content_id=hash_content(part for path in files for part in (path.name, path.read_bytes())),
    )


def _read_sheet(path: Path, side: int) -> Tiles:
    with Image.open(path) as image:
        sheet = np.asarray(image)
    rows, columns = (length // side for length in sheet.shape)
    return sheet.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
