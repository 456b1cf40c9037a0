"""PASCAL VOC folders: ``Annotations/*.xml``, ``JPEGImages`` and ``ImageSets/Main/*.txt``.

The layout is that of the VOC devkit (Everingham et al., The PASCAL Visual Object Classes Challenge
2012 Development Kit, section 5). Classes are names only; they are numbered from 1 in alphabetical
order, which is the devkit's own order for its twenty.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from smnas.data.category_file import settle_categories
from smnas.data.dataset import Category
from smnas.data.faults import Faults
from smnas.data.inside import Inside
from smnas.data.picture_files import list_pictures
from smnas.data.table import BoxRows, PictureRow, PictureTable, check_something_is_there
from smnas.data.table_dataset import Places, TableDataset, open_table
from smnas.data.voc import VocPicture, note_voc_xml
from smnas.errors import DataError, MissingFileError

SETS = PurePosixPath("ImageSets", "Main")
ANNOTATIONS = "Annotations"
PICTURES = "JPEGImages"

_MARK = re.compile(r"\s+-?[01]$")


@dataclass(frozen=True)
class _Folder:
    """Where the annotations of a VOC data set lie, and what each file says, by its name."""

    root: Path
    annotations: Path
    found: dict[str, VocPicture]

    def place(self, name: str) -> str:
        """Return how the file of a picture is called in messages."""
        return str((self.annotations / f"{name}.xml").relative_to(self.root))


def is_voc(path: Path) -> bool:
    """Whether a path is a VOC folder, or one of its files ``ImageSets/Main/*.txt``."""
    if path.is_dir():
        return (path / ANNOTATIONS).is_dir() or any(path.glob("*.xml"))
    return path.suffix == ".txt" and path.parent.parts[-2:] == SETS.parts


def load_voc(
    path: Path,
    images: Path | None = None,
    look_in: Path | None = None,
    known: tuple[Category, ...] | None = None,
    faults: Faults | None = None,
) -> dict[str, TableDataset]:
    """Return the splits of a VOC folder, ``train`` among them; without image sets all is train.

    Args:
        path: The folder, or one of its image sets, which then is the only split.
        images: Folder of the pictures; where not given it is looked for.
        look_in: A further folder to look in, before the others.
        known: The categories of the data that this belongs to.
        faults: Where faults are noted; None: they raise. Otherwise what is faulty is left out.

    Raises:
        MissingFileError: No such file or folder.
        DataError: What the files say is wrong; all faults are named.
    """
    if images and not images.is_dir():
        raise MissingFileError(f"{images}: no such folder of pictures")
    root = path if path.is_dir() else path.absolute().parents[2]
    annotations = root / ANNOTATIONS if (root / ANNOTATIONS).is_dir() else root
    faults = faults or Faults(root)
    splits, notes = _find_splits(path, root, annotations, faults)
    names = dict.fromkeys(name for split in splits.values() for name in split)
    folder = _Folder(root, annotations, _read_files(annotations, root, names, faults))
    classes = {item.name for picture in folder.found.values() for item in picture.objects}
    categories = settle_categories(sorted(classes), 1, root, known, faults)
    objects = [item for picture in folder.found.values() for item in picture.objects]
    check_something_is_there(
        len(folder.found), [item.difficult or item.crowd for item in objects], faults
    )
    faults.raise_if_any("correct or remove what is named")
    places = [images] if images else [look_in, root / PICTURES, root / "images", annotations]
    files = _find_pictures(folder, [item for item in places if item], faults)
    faults.raise_if_any("name the folder of the pictures with --images")
    return {
        split: _open_split(folder, split, chosen, files, categories, notes, faults)
        for split, chosen in splits.items()
    }


def _find_splits(
    path: Path, root: Path, annotations: Path, faults: Faults
) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Return the names of each split's pictures, and what is to be said about it."""
    if not path.is_dir():
        return {"train": _read_set(path, root, annotations, faults)}, ()
    sets = {item: root / SETS / f"{item}.txt" for item in ("train", "trainval", "val", "test")}
    sets = {item: file for item, file in sets.items() if file.is_file()}
    notes: list[str] = []
    if "test" in sets and not any(
        os.path.isfile(annotations / f"{name}.xml") for name in _names(sets["test"], annotations)
    ):
        notes.append(f"{SETS}/test.txt is left out: none of its pictures is annotated.")
        del sets["test"]
    # The devkit's trainval is train and val together.
    if {"train", "val"} <= sets.keys():
        sets.pop("trainval", None)
    elif "trainval" in sets:
        sets = {"train": sets["trainval"]} | {k: v for k, v in sets.items() if k == "test"}
    if "train" not in sets:
        everything = sorted(
            item.relative_to(annotations).with_suffix("").as_posix()
            for item in annotations.rglob("*.xml")
        )
        return {"train": everything}, tuple(notes)
    read = {item: _read_set(file, root, annotations, faults) for item, file in sets.items()}
    return read, tuple(notes)


def _names(file: Path, annotations: Path) -> list[str]:
    """Return the name in each line: that of a file, else what is left without a mark behind it.

    Sets of one class say 1, 0 or -1 behind the name; and names may hold spaces and end in numbers.

    Raises:
        DataError: Not a text file.
    """
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not a text file in UTF-8: {error}") from None
    names: list[str] = []
    for line in filter(str.strip, lines):
        unmarked = _MARK.sub("", line.strip())
        may_be = (line, line.strip(), unmarked)
        there = (name for name in may_be if os.path.isfile(annotations / f"{name}.xml"))
        names.append(next(there, unmarked))
    return names


def _read_set(file: Path, root: Path, annotations: Path, faults: Faults) -> list[str]:
    if not file.is_file():
        raise MissingFileError(f"{file}: no such image set")
    place = f"{SETS}/{file.name}"
    names = _names(file, annotations)
    kept: dict[str, None] = {}
    inside = Inside(annotations)
    for line, name in enumerate(names, start=1):
        if name in kept:
            faults.add(f"{place}: {name!r} is there twice (entry {line})")
        elif not inside.holds(f"{name}.xml"):
            faults.add(f"{place}: entry {line}: {name!r} leaves {annotations}")
        elif not os.path.isfile(annotations / f"{name}.xml"):
            folder = annotations.relative_to(root)
            faults.add(f"{place}: entry {line}: no file {str(folder / f'{name}.xml')!r}")
        else:
            kept[name] = None
    return list(kept)


def _read_files(
    annotations: Path, root: Path, names: Iterable[str], faults: Faults
) -> dict[str, VocPicture]:
    found: dict[str, VocPicture] = {}
    for name in names:
        file = annotations / f"{name}.xml"
        place = file.relative_to(root)
        try:
            picture = note_voc_xml(file, lambda text, place=place: faults.add(f"{place}: {text}"))
        except DataError as error:
            faults.add(str(error).replace(str(file), str(place), 1))
            continue
        if picture is not None:
            found[name] = picture
    return found


def _find_pictures(
    folder: _Folder, places: list[Path], faults: Faults
) -> tuple[Path, dict[str, str]]:
    """Return the folder of the pictures, and in it the file of each; those not there are noted."""
    best: tuple[Path, dict[str, str]] = (folder.root, {})
    for place in places:
        if place.is_dir():
            files = _match(folder, list_pictures(place))
            if len(files) > len(best[1]):
                best = place, files
    looked_in = best[0] if best[1] else " or ".join(map(str, dict.fromkeys(places)))
    for name in folder.found:
        if name not in best[1]:
            faults.add(
                f"{folder.place(name)}: filename: no picture {folder.found[name].file_name!r}, nor "
                f"{name!r} with another extension, in {looked_in}"
            )
    return best


def _match(folder: _Folder, listed: list[str]) -> dict[str, str]:
    """Return the file of each picture: named as the annotations are, else as they say.

    The devkit goes by the name of the annotations; what they say is often wrong.
    """
    by_stem = {str(PurePosixPath(name).with_suffix("")): name for name in reversed(listed)}
    there = set(listed)
    files: dict[str, str] = {}
    for name, picture in folder.found.items():
        said = PurePosixPath(picture.file_name)
        file = by_stem.get(name) or (str(said) if str(said) in there else None)
        file = file or by_stem.get(str(said.with_suffix("")))
        if file:
            files[name] = file
    return files


def _open_split(
    folder: _Folder,
    split: str,
    names: list[str],
    files: tuple[Path, dict[str, str]],
    categories: tuple[Category, ...],
    notes: tuple[str, ...],
    faults: Faults,
) -> TableDataset:
    labels = {category.name: label for label, category in enumerate(categories)}
    names = [name for name in names if name in files[1]]
    pictures: list[PictureRow] = []
    boxes = BoxRows()
    for row, name in enumerate(names):
        found = folder.found[name]
        pictures.append(PictureRow(name, files[1][name], found.width, found.height))
        for number, item in enumerate(found.objects, start=1):
            if item.name in labels:
                difficult = item.difficult and not item.crowd
                boxes.add(row, number, item.whole_xyxy, labels[item.name], item.crowd, difficult)
    table = PictureTable(
        path=folder.root,
        name=f"{folder.root.name}/{split}",
        folder=files[0].absolute(),
        categories=categories,
        pictures=pictures,
        boxes=boxes.table(),
        notes=notes,
    )

    def box_place(number: int) -> tuple[str, object]:
        name = names[boxes.pictures[number]]
        return f"{folder.place(name)}: object {boxes.places[number]}: bndbox", boxes.xyxy[number]

    return open_table(table, Places(lambda row: folder.place(names[row]), box_place), faults)
