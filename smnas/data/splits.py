"""The splits of a data set: what the user brings, the rest taken from the training pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from smnas.data.dataset import Category, DetectionDataset, Subset
from smnas.data.folds import Folds, deal_folds
from smnas.data.kept_together import alone, find_groups
from smnas.data.split import filled_groups, split_pictures
from smnas.data.table_dataset import TableDataset
from smnas.data.wording import count
from smnas.errors import ConfigError, DataError

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
        folds: Where asked for: what finals train on and are judged on; the first is train and val.
        own_val: Whether the user or the data bring ``val``, so that there can be no folds.
    """

    train: DetectionDataset
    val: DetectionDataset
    test: DetectionDataset | None
    notes: tuple[str, ...]
    folds: Folds | None = None
    own_val: bool = True

    @property
    def judged(self) -> DetectionDataset:
        """What finals are judged on before the test: all folds together, or ``val``."""
        return self.val if self.folds is None else self.folds.pool

    @property
    def learned(self) -> DetectionDataset:
        """All pictures that some training learns from."""
        return self.train if self.folds is None else self.folds.pool

    def shown_as(self, learned: DetectionDataset) -> "Splits":
        """Return the splits whose trainings read another form of ``learned``."""
        if self.folds is None:
            return replace(self, train=learned)
        folds = self.folds.shown_as(learned)
        return replace(self, train=folds.train(0), folds=folds)


def join_splits(
    whole: TableDataset,
    given: Mapping[str, TableDataset],
    seed: int,
    group_by: str | None = None,
    folds: int | None = None,
) -> Splits:
    """Return the splits of data that have been opened; see ``load_splits``.

    Args:
        whole: The pictures to train on, and to take from what is not given.
        given: ``val`` and ``test``, as far as the user or the source brings them.
        seed: Decides who goes where.
        group_by: As in ``DataSpec``.
        folds: As in ``DataSpec``.

    Raises:
        ConfigError: ``group_by`` names nothing, or there can be no such folds.
        DataError: They disagree on the categories, or ``whole`` holds too few pictures.
    """
    if folds is not None and "val" in given:
        raise ConfigError(
            f"folds: {given['val'].path} is a validation split of its own; folds are made from the "
            "training pictures: leave out folds, or the validation split (--val)"
        )
    notes = _note_own_splits(whole, given)
    for name, dataset in given.items():
        _check_categories(whole, dataset)
        notes += _note_shared_pictures(name, whole, dataset)
    parts, dealt, split_notes = _complete(whole, given, seed, group_by, folds)
    notes = [*split_notes, *notes, *_note_small_parts(parts)]
    test, own_val = parts.get("test"), "val" in given
    return Splits(parts["train"], parts["val"], test, tuple(notes), dealt, own_val)


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
    whole: TableDataset,
    given: Mapping[str, TableDataset],
    seed: int,
    group_by: str | None,
    folds: int | None,
) -> tuple[dict[str, DetectionDataset], Folds | None, list[str]]:
    """Return all parts, those that are not given taken from the whole; folds; what was done."""
    shares = {"val": VAL_SHARE, "test": TEST_SHARE}
    lacking = {name: share for name, share in shares.items() if name not in given}
    if not lacking:
        return {"train": whole, **given}, None, []
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
        return {"train": whole, **given}, None, notes
    kept = 1.0 - sum(lacking.values())
    chosen = split_pictures(whole, {"train": kept, **lacking}, seed, groups.first)
    parts: dict[str, DetectionDataset] = {
        name: Subset(whole, indices, f"{whole.name}/{name}") for name, indices in chosen.items()
    }
    notes = [_tell_split(whole, chosen, list(lacking), seed, group_by), *groups.notes, *notes]
    if folds is None:
        return {**parts, **given}, None, notes
    members = (chosen["train"], chosen["val"])
    return {**parts, **given}, deal_folds(whole, *members, groups.first, folds, seed), notes


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
