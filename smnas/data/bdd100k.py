"""BDD100K JSON, also called Scalabel: a list of frames, or an object of ``frames`` and ``config``.

Corners are inclusive: the right edge of a box is ``x2 + 1`` (scalabel, ``label/transforms.py``).
Boxes with ``crowd`` or ``ignored`` among their attributes are ignored regions, as in its evaluation
(scalabel, ``label/to_coco.py``).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from smnas.data.bdd100k_file import EXPECTED, Frame, ImageSize, read_bdd_file
from smnas.data.bdd100k_names import CLASSES, Names
from smnas.data.category_file import FILE_NAME, settle_categories
from smnas.data.dataset import Category
from smnas.data.faults import Faults
from smnas.data.inside import Inside
from smnas.data.picture_files import choose_folder, measure_picture
from smnas.data.table import BoxRows, PictureRow, PictureTable, check_something_is_there
from smnas.data.table_dataset import Places, TableDataset, open_table
from smnas.errors import DataError, MissingFileError


def load_bdd100k(
    path: Path,
    images: Path | None = None,
    look_in: Path | None = None,
    known: tuple[Category, ...] | None = None,
    faults: Faults | None = None,
) -> TableDataset:
    """Return the pictures of a BDD100K file.

    Args:
        path: The file.
        images: Folder of the pictures; where not given it is looked for near the file.
        look_in: A further folder to look in, before the others.
        known: The categories of the data that this belongs to.
        faults: Where faults are noted; None: they raise. Otherwise what is faulty is left out.

    Raises:
        MissingFileError: No such file or folder.
        DataError: What the file says is wrong; all faults are named.
    """
    faults = faults or Faults(path)
    content = read_bdd_file(path, faults)
    classes, source = CLASSES, "BDD100K's classes"
    if content.config is not None:
        classes = tuple(leaf for item in content.config.categories for leaf in item.leaves())
        source = "config.categories"
    elif (path.parent / FILE_NAME).is_file():
        classes, source = (), FILE_NAME  # that file says all
    categories = settle_categories(classes, 1, path.parent, known, faults)
    frames = _first_of_each(content.frames, faults)
    folder, files = _find_pictures(path, frames, images, look_in)
    size = content.config.image_size if content.config else None
    pictures = _tabulate_pictures(frames, files, folder, size, faults)
    frames = {row.id: frames[row.id] for row in pictures}
    names = Names({category.name: label for label, category in enumerate(categories)}, source)
    boxes = _read_boxes(frames, names, faults)
    check_something_is_there(len(frames), boxes.ignore, faults)
    faults.raise_if_any(EXPECTED)
    table = PictureTable(
        path=path,
        name=path.name,
        folder=folder.absolute(),
        categories=categories,
        pictures=pictures,
        boxes=boxes.table(),
        notes=names.notes(),
    )

    def box_place(number: int) -> tuple[str, object]:
        x1, y1, x2, y2 = boxes.xyxy[number]
        frame = _told(pictures[boxes.pictures[number]].id)
        return f"{frame}.labels[{boxes.places[number]}].box2d", [x1, y1, x2 - 1, y2 - 1]

    return open_table(
        table, Places(lambda row: f"{_told(pictures[row].id)}.name", box_place), faults
    )


def _told(picture_id: int | str) -> str:
    """Return how a frame is called in messages."""
    return f"frame {picture_id!r}"


def _first_of_each(frames: Iterable[Frame], faults: Faults) -> dict[int | str, Frame]:
    """Return the frames by id: their names, with the film before them where films share names."""
    frames = list(frames)
    names = {frame.name for frame in frames}
    short = len(names) == len({frame.film_name for frame in frames})
    kept: dict[int | str, Frame] = {}
    for frame in frames:
        picture_id = frame.name if short else frame.film_name
        if kept.setdefault(picture_id, frame) is not frame:
            faults.add(f"{_told(picture_id)}.name: is there more than once")
    return kept


def _read_boxes(frames: Mapping[int | str, Frame], names: Names, faults: Faults) -> BoxRows:
    boxes = BoxRows()
    for row, (picture_id, frame) in enumerate(frames.items()):
        for place, label in enumerate(frame.labels or ()):
            if label.box2d is None:  # a lane or an area
                continue
            found = names.read(label.category or "")
            if found is None:
                field = f"{_told(picture_id)}.labels[{place}].category"
                known = ", ".join(map(repr, names.labels))
                faults.add(f"{field}: {label.category!r} is none of {known} ({names.source})")
                continue
            box = label.box2d
            boxes.add(
                row,
                place,
                (box.x1, box.y1, box.x2 + 1, box.y2 + 1),
                found[0],
                ignore=found[1] or label.is_marked("crowd") or label.is_marked("ignored"),
                difficult=label.is_marked("difficult"),
            )
    return boxes


def _find_pictures(
    path: Path,
    frames: Mapping[int | str, Frame],
    images: Path | None,
    look_in: Path | None,
) -> tuple[Path, list[str]]:
    """Return the folder of the pictures, and in it the file of each.

    The pictures of films may lie in one folder for each film.
    """
    if images and not images.is_dir():
        raise MissingFileError(f"{images}: no such folder of pictures")
    places = [images] if images else [*([look_in] if look_in else []), *_usual_places(path)]
    flat = [frame.name for frame in frames.values()]
    by_film = [frame.film_name for frame in frames.values()]
    if len(set(flat)) < len(flat):
        return choose_folder(path, places, by_film, "frames[0].name"), by_film
    try:
        return choose_folder(path, places, flat, "frames[0].name"), flat
    except MissingFileError as error:
        try:
            return choose_folder(path, places, by_film, "frames[0].name"), by_film
        except MissingFileError:
            raise error from None


def _usual_places(path: Path) -> list[Path]:
    """Return folders near the file, those of the data set as it is published among them."""
    near = path.absolute().parents[:3]
    split = next((word for word in ("train", "val", "test") if word in path.stem), "")
    kinds = ("100k", "10k", "track")
    published = [up / "images" / kind / split for up in near for kind in kinds]
    return [path.parent, *(up / "images" for up in near), *published]


def _tabulate_pictures(
    frames: Mapping[int | str, Frame],
    files: Iterable[str],
    folder: Path,
    size: ImageSize | None,
    faults: Faults,
) -> list[PictureRow]:
    """Return the rows of the frames whose size is known.

    Where the annotations give no size, the picture tells its own.
    """
    rows: list[PictureRow] = []
    inside = Inside(folder)
    for (picture_id, frame), file in zip(frames.items(), files, strict=True):
        known = frame.size or size
        if not inside.holds(file):
            faults.add(f"{_told(picture_id)}.name: {file!r} leaves {folder}")
            continue
        try:
            found = (known.width, known.height) if known else measure_picture(folder / file)
        except DataError as error:
            faults.add(f"{_told(picture_id)}.name: {error}")
            continue
        rows.append(PictureRow(picture_id, file, *found))
    return rows
