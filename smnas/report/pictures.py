"""The test pictures with boxes: drawn by ``experiment``, carried inside the page."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from smnas.errors import ArchiveError

PICTURES = "pictures"
INDEX = "index.json"
_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass(frozen=True)
class ShownPicture:
    """One picture with the boxes of one detector drawn in, and how many of each kind there are."""

    uri: str
    """The picture itself, as a data URI."""
    name: str
    split: str
    score: float
    """Detections from this score on are shown."""
    hits: int
    misses: int
    false_alarms: int


def load_pictures(run_folder: Path) -> dict[int, list[ShownPicture]]:
    """Return the pictures of each trial that has some; empty before the final test.

    Raises:
        ArchiveError: An index that does not read, or that names a picture which is not there.
    """
    path = run_folder / PICTURES / INDEX
    if not path.exists():
        return {}
    try:
        index = json.loads(path.read_text())
        return {
            int(number): [
                ShownPicture(
                    uri=_data_uri(path.parent / entry["file"]),
                    name=str(entry["picture"]),
                    split=str(entry["split"]),
                    score=float(entry["score"]),
                    hits=int(entry["hits"]),
                    misses=int(entry["misses"]),
                    false_alarms=int(entry["false_alarms"]),
                )
                for entry in entries
            ]
            for number, entries in index.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveError(
            f"{path}: expected the pictures of each trial as the search writes them; got "
            f"{type(error).__name__}: {error}; remove the folder to get the report without pictures"
        ) from error


def _data_uri(path: Path) -> str:
    encoded = base64.b64encode(path.read_bytes()).decode()
    return f"data:{_MEDIA_TYPES[path.suffix.lower()]};base64,{encoded}"
