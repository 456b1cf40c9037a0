"""The text files of YOLO folders: one line for each object."""

import math
from pathlib import Path

from smnas.data.faults import Faults
from smnas.data.table import BoxXyxy

MOST = 1.01
"""Greatest coordinate that is taken for 1 and rounding, as in Ultralytics' loader."""
_FIELDS_OF_A_BOX = 5
_FIELDS_OF_A_TRIANGLE = 7


def label_file(picture: Path) -> Path:
    """Return where the boxes of a picture are: the last folder ``images`` becomes ``labels``."""
    parts = list(picture.with_suffix(".txt").parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts)


def read_label_file(path: Path, classes: int, faults: Faults) -> list[tuple[int, int, BoxXyxy]]:
    """Return line, class and box of each object; boxes in shares of the picture's width and height.

    An outline (a line of ``class x y x y x y ...``) gives the box around it.

    Args:
        path: The file; where it is missing there is no object.
        classes: How many there are.
        faults: Where faults are noted.
    """
    if not path.is_file():
        return []
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        faults.add(f"{path}: not a text file in UTF-8: {error}")
        return []
    found: list[tuple[int, int, BoxXyxy]] = []
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            found.append((line, *_read_line(text.split(), classes)))
        except ValueError as error:
            faults.add(f"{path}: line {line}: {error}, got {text.strip()!r:.80}")
    return found


def _read_line(words: list[str], classes: int) -> tuple[int, BoxXyxy]:
    """Return class and box.

    Raises:
        ValueError: Says what was expected.
    """
    outline = len(words) >= _FIELDS_OF_A_TRIANGLE and len(words) % 2 == 1
    if len(words) != _FIELDS_OF_A_BOX and not outline:
        raise ValueError("expected 5 numbers, or a class and an outline of points")
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise ValueError("expected numbers") from None
    number, places = numbers[0], numbers[1:]
    if number not in range(classes):
        raise ValueError(f"class: expected a whole number from 0 to {classes - 1}")
    if not all(math.isfinite(place) and 0.0 <= place <= MOST for place in places):
        raise ValueError("expected coordinates in shares of the picture, 0 to 1")
    if outline:
        across, down = places[::2], places[1::2]
        return int(number), (min(across), min(down), max(across), max(down))
    x, y, width, height = places
    return int(number), (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
