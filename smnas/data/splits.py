"""The splits of a data set: what the user brings, the rest taken from the training pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

from smnas.data.dataset import Category, DetectionDataset, Subset
from smnas.data.kept_together import alone, find_groups
from smnas.data.split import filled_groups, split_pictures
from smnas.data.table_dataset import TableDataset
from smnas.data.wording import count
from smnas.errors import DataError

VAL_SHARE = 0.15
TEST_SHARE = 0.15
FEW_PICTURES = 20


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


def join_splits(
    whole: TableDataset,
    given: Mapping[str, TableDataset],
    seed: int,
    group_by: str | None = None,
) -> Splits:
    """Return the splits of data that have been opened; see ``load_splits``.

    Args:
        whole: The pictures to train on, and to take from what is not given.
        given: ``val`` and ``test``, as far as the user or the source brings them.
        seed: Decides who goes where.
        group_by: As in ``DataSpec``.

    Raises:
        ConfigError: ``group_by`` names nothing.
        DataError: They disagree on the categories, or ``whole`` holds too few pictures.
    """
    notes = _note_own_splits(whole, given)
    for name, dataset in given.items():
        _check_categories(whole, dataset)
        notes += _note_shared_pictures(name, whole, dataset)
    parts, split_notes = _complete(whole, given, seed, group_by)
    notes = [*split_notes, *notes, *_note_small_parts(parts)]
    return Splits(parts["train"], parts["val"], parts.get("test"), tuple(notes))


def _note_own_splits(whole: TableDataset, given: Mapping[str, TableDataset]) -> list[str]:
    """Return what the files say of themselves, and which splits are their own."""
    own = {name: part for name, part in given.items() if part.path == whole.path}
    notes: list[str] = []
    if own:
        counts = ", ".join(f"{len(part)} {name}" for name, part in {"train": whole, **own}.items())
        notes.append(f"{whole.path} brings its own splits: {counts} pictures.")
    told = [note for part in (whole, *given.values()) for note in part.table.notes]
    return [*notes, *dict.fromkeys(told)]


def _complete(
    whole: TableDataset, given: Mapping[str, TableDataset], seed: int, group_by: str | None
) -> tuple[dict[str, DetectionDataset], list[str]]:
    """Return all parts, those that are not given taken from the whole, and what was done."""
    shares = {"val": VAL_SHARE, "test": TEST_SHARE}
    lacking = {name: share for name, share in shares.items() if name not in given}
    if not lacking:
        return {"train": whole, **given}, []
    notes: list[str] = []
    groups = find_groups(whole, group_by)
    usable = len(filled_groups(whole, groups.first))
    if usable <= len(lacking) and group_by is None and len(groups.notes):
        groups = alone(whole)
        usable = len(filled_groups(whole, groups.first))
        notes.append(
            "Nearly all pictures look alike, as those of one film do: they are split all the same, "
            "and numbers flatter. Bring a split of your own, or name what is apart with --group-by."
        )
    things = "picture" if group_by is None else "group"
    if "test" in lacking and usable <= len(lacking):
        del lacking["test"]
        notes.append(
            f"There is no test split: {count(usable, things)} with objects are too few for one."
        )
    if usable <= len(lacking):
        raise DataError(
            f"{whole.name}: {count(usable, things)} with objects cannot be split into training "
            "and validation; expected at least 2, or a file of their own for validation (--val)"
        )
    if not lacking:
        return {"train": whole, **given}, notes
    kept = 1.0 - sum(lacking.values())
    chosen = split_pictures(whole, {"train": kept, **lacking}, seed, groups.first)
    parts: dict[str, DetectionDataset] = {
        name: Subset(whole, indices, f"{whole.name}/{name}") for name, indices in chosen.items()
    }
    notes = [_tell_split(whole, chosen, list(lacking), seed, group_by), *groups.notes, *notes]
    return {**parts, **given}, notes


def _tell_split(
    whole: TableDataset,
    chosen: Mapping[str, list[int]],
    lacking: list[str],
    seed: int,
    group_by: str | None,
) -> str:
    dealt = ", ".join(f"{len(indices)} {name}" for name, indices in chosen.items())
    by = "picture" if group_by is None else "group"
    told = (
        f"No {' or '.join(lacking)} split was given: the {count(len(whole), 'picture')} of "
        f"{whole.name} were split by {by}, seed {seed}: {dealt}."
    )
    if group_by is not None:
        return told
    return (
        f"{told} Pictures of one place or one film should not be split so; keep them together with "
        "--group-by, or bring your own split."
    )


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
    ours, theirs = (set(item.table.picture_paths()) for item in (whole, part))
    shared = len(ours & theirs)
    if not shared:
        return []
    return [
        f"{count(shared, 'picture')} of the {name} split are also trained on: its numbers say "
        "nothing about new pictures."
    ]


def _note_small_parts(parts: dict[str, DetectionDataset]) -> list[str]:
    notes: list[str] = []
    for name, dataset in parts.items():
        found = [dataset.annotations(index) for index in range(len(dataset))]
        boxes = sum(int(item.objects.sum()) for item in found)
        if name != "train" and len(dataset) < FEW_PICTURES:
            notes.append(
                f"The {name} split has only {count(len(dataset), 'picture')} with {boxes} boxes: "
                "its numbers are rough, and small differences mean nothing."
            )
        seen = {int(label) for item in found for label in item.labels[item.objects]}
        unseen = [item.name for label, item in enumerate(dataset.categories) if label not in seen]
        if unseen:
            notes.append(f"The {name} split shows no object of: {', '.join(unseen)}.")
    return notes
