"""The user's own data, in whatever format: found out by looking at what is there."""

from pathlib import Path

from smnas.data.bdd100k import load_bdd100k
from smnas.data.category_file import FILE_NAME
from smnas.data.coco import load_coco
from smnas.data.dataset import Category
from smnas.data.faults import Faults
from smnas.data.prepared import open_prepared
from smnas.data.table_dataset import TableDataset
from smnas.data.voc_folder import is_voc, load_voc
from smnas.data.yolo import find_yaml, load_yolo
from smnas.errors import ConfigError, MissingFileError

EXPECTED = (
    "a COCO JSON file, a BDD100K JSON file, a Pascal VOC folder (Annotations, JPEGImages) "
    "or the data.yaml of a YOLO folder"
)


def open_source(
    source: str | Path,
    images: str | Path | None = None,
    *,
    look_in: str | Path | None = None,
    known: tuple[Category, ...] | None = None,
    faults: Faults | None = None,
) -> dict[str, TableDataset]:
    """Return the splits that are there, ``train`` among them; it holds all where there is no other.

    Args:
        source: A file or folder of one of the formats.
        images: Folder of the pictures; where not given it is looked for.
        look_in: A further folder to look in, before the usual ones.
        known: The categories of the data that this belongs to, for formats that have names only.
        faults: Where faults are noted; None: they raise. Otherwise what is faulty is left out.

    Raises:
        ConfigError: A folder of no known format.
        MissingFileError: No such file or folder.
        DataError: What the files say is wrong; all faults are named.
    """
    path = Path(source)
    pictures = Path(images) if images else None
    further = Path(look_in) if look_in else None
    if is_voc(path):
        return load_voc(path, pictures, further, known, faults)
    yaml = find_yaml(path)
    if yaml is not None:
        return load_yolo(yaml, pictures, known, faults)
    if path.is_dir():
        raise ConfigError(f"data {str(source)!r} is a folder; expected {EXPECTED}; {_inside(path)}")
    if not path.is_file():
        raise MissingFileError(f"{path}: no such annotation file; expected {EXPECTED}")

    def read() -> TableDataset:
        if _is_bdd100k(path):
            return load_bdd100k(path, pictures, further, known, faults)
        return load_coco(path, pictures, further, faults)

    asked = (pictures, further, known)
    return {"train": read() if faults else open_prepared(path, asked, read)}


def open_split(
    source: str | Path,
    split: str,
    *,
    look_in: str | Path | None = None,
    known: tuple[Category, ...] | None = None,
    faults: Faults | None = None,
) -> TableDataset:
    """Return the pictures that the user names for a split.

    Of a source with splits of its own it is the one of that name.

    Raises:
        ConfigError: The source has splits, but not this one.
        MissingFileError: No such file or folder.
        DataError: What the files say is wrong; all faults are named.
    """
    found = open_source(source, look_in=look_in, known=known, faults=faults)
    if split not in found and len(found) > 1:
        raise ConfigError(
            f"--{split} {str(source)!r}: it has the splits {', '.join(found)}; name data with a "
            f"{split} split, or with none"
        )
    return found.get(split, found["train"])


def _inside(folder: Path) -> str:
    """Return what a folder of no known format holds, in words: its JSON files may be meant."""
    found = sorted(path.name for path in folder.iterdir())
    files = [name for name in found if name.endswith(".json") and name != FILE_NAME]
    found = files or found
    if not found:
        return "it is empty"
    listed = ", ".join(map(repr, found[:6])) + (", ..." if len(found) > 6 else "")
    return f"it holds {listed}" + (": name one of them" if files else "")


def _is_bdd100k(path: Path) -> bool:
    """Tell BDD100K JSON from COCO's by what comes first: a list, or ``frames``.

    The whole file is searched, not parsed: large ones have their first key after many megabytes.
    """
    data = path.read_bytes()
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
        return True
    frames, images = data.find(b'"frames"'), data.find(b'"images"')
    return frames >= 0 and (images < 0 or frames < images)
