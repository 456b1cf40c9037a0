"""Where the data come from: the package itself, or the user's own files and splits."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from smnas.data.coco import load_coco
from smnas.data.dataset import Category, DetectionDataset, Subset
from smnas.data.embedded import EMBEDDED_NAMES, is_embedded, load_embedded
from smnas.data.split import split_pictures
from smnas.data.table_dataset import TableDataset
from smnas.errors import ConfigError, DataError, MissingFileError, nearest

VAL_SHARE = 0.15
TEST_SHARE = 0.15
FEW_PICTURES = 20


class DataSpec(BaseModel):
    """Which data: a name such as ``trees`` or COCO JSON files, as the user wrote them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """The pictures to train on, and to split where ``val`` or ``test`` is not given."""
    images: str | None = None
    """Folder that the file names start from; None: it is looked for near the JSON file."""
    val: str | None = None
    test: str | None = None


@dataclass(frozen=True)
class Splits:
    """The data of a search; ``test`` is None where there are too few pictures for one.

    Attributes:
        train: What detectors learn from.
        val: What the search judges them by.
        test: Read once, at the end.
        notes: Sentences that the user should read.
    """

    train: DetectionDataset
    val: DetectionDataset
    test: DetectionDataset | None
    notes: tuple[str, ...]


def load_splits(spec: DataSpec, seed: int) -> Splits:
    """Return train, val and test, checked; pictures are read later.

    Where a split is not given it is taken from the pictures of ``source``, by picture: 15 % each.

    Args:
        spec: Which data.
        seed: Decides who goes where; embedded data have fixed splits.

    Raises:
        ConfigError: No such source, or splits for data that bring their own.
        MissingFileError: No such file or folder.
        DataError: The files are wrong, disagree on the categories, or hold too few pictures.
    """
    if is_embedded(spec.source):
        return _load_embedded(spec)
    _check_source(spec.source)
    whole = load_coco(spec.source, spec.images)
    given = {
        name: load_coco(path, look_in=spec.images)
        for name, path in (("val", spec.val), ("test", spec.test))
        if path is not None
    }
    notes: list[str] = []
    for name, dataset in given.items():
        _check_categories(whole, dataset)
        notes += _note_shared_pictures(name, whole, dataset)
    parts, split_notes = _complete(whole, given, seed)
    notes = [*split_notes, *notes, *_note_small_parts(parts)]
    return Splits(parts["train"], parts["val"], parts.get("test"), tuple(notes))


def _load_embedded(spec: DataSpec) -> Splits:
    if spec.images or spec.val or spec.test:
        raise ConfigError(
            f"data {spec.source!r} bring their own pictures and splits; "
            "leave out images, val and test"
        )
    data = load_embedded(spec.source)
    return Splits(data.train, data.val, data.test, (data.note,))


def _check_source(source: str) -> None:
    path = Path(source)
    if path.is_dir():
        raise ConfigError(
            f"data {source!r} is a folder; expected a COCO JSON file (name the folder of its "
            "pictures with --images)"
        )
    if path.exists():
        return
    if path.suffix or len(path.parts) > 1:
        raise MissingFileError(f"{source}: no such annotation file; expected a COCO JSON file")
    raise ConfigError(
        f"data {source!r}: expected the name of embedded data or the path of a COCO JSON file; "
        f"{nearest(source, EMBEDDED_NAMES)}"
    )


def _complete(
    whole: TableDataset, given: dict[str, TableDataset], seed: int
) -> tuple[dict[str, DetectionDataset], list[str]]:
    """Return all parts, those that are not given taken from the whole, and what was done."""
    shares = {"val": VAL_SHARE, "test": TEST_SHARE}
    lacking = {name: share for name, share in shares.items() if name not in given}
    usable = sum(bool(whole.annotations(index).objects.any()) for index in range(len(whole)))
    notes: list[str] = []
    if "test" in lacking and usable <= len(lacking):
        del lacking["test"]
        notes.append(f"There is no test split: {_count(usable)} with objects are too few for one.")
    if usable <= len(lacking):
        raise DataError(
            f"{whole.name}: {_count(usable)} with objects cannot be split into training and "
            "validation; expected at least 2, or a file of their own for validation (--val)"
        )
    if not lacking:
        return {"train": whole, **given}, notes
    kept = 1.0 - sum(lacking.values())
    chosen = split_pictures(whole, {"train": kept, **lacking}, seed)
    parts: dict[str, DetectionDataset] = {
        name: Subset(whole, indices, f"{whole.name}/{name}") for name, indices in chosen.items()
    }
    dealt = ", ".join(f"{len(indices)} {name}" for name, indices in chosen.items())
    notes.insert(
        0,
        f"No {' or '.join(lacking)} split was given: the {_count(len(whole))} of {whole.name} were "
        f"split by picture, seed {seed}: {dealt}. Pictures of one place or one film should not be "
        "split so; bring your own split for them.",
    )
    return {**parts, **given}, notes


def _count(pictures: int) -> str:
    return f"{pictures} picture" + ("" if pictures == 1 else "s")


def _check_categories(whole: TableDataset, part: TableDataset) -> None:
    if whole.categories == part.categories:
        return
    ours, theirs = set(whole.categories), set(part.categories)
    raise DataError(
        f"{part.path}: categories: expected those of {whole.path}; only there: "
        f"{_list_categories(ours - theirs)}; only here: {_list_categories(theirs - ours)}"
    )


def _list_categories(categories: set[Category]) -> str:
    ordered = sorted(categories, key=lambda category: category.id)
    return ", ".join(f"{item.id} {item.name!r}" for item in ordered) or "none"


def _note_shared_pictures(name: str, whole: TableDataset, part: TableDataset) -> list[str]:
    ours, theirs = (set(map(item.picture_file, range(len(item)))) for item in (whole, part))
    shared = len(ours & theirs)
    if not shared:
        return []
    return [
        f"{_count(shared)} of the {name} split are also trained on: its numbers say nothing about "
        "new pictures."
    ]


def _note_small_parts(parts: dict[str, DetectionDataset]) -> list[str]:
    notes: list[str] = []
    for name, dataset in parts.items():
        found = [dataset.annotations(index) for index in range(len(dataset))]
        boxes = sum(int(item.objects.sum()) for item in found)
        if name != "train" and len(dataset) < FEW_PICTURES:
            notes.append(
                f"The {name} split has only {_count(len(dataset))} with {boxes} boxes: its numbers "
                "are rough, and small differences mean nothing."
            )
        seen = {int(label) for item in found for label in item.labels[item.objects]}
        unseen = [item.name for label, item in enumerate(dataset.categories) if label not in seen]
        if unseen:
            notes.append(f"The {name} split shows no object of: {', '.join(unseen)}.")
    return notes
