"""Where the data come from: the package itself, or the user's own files and splits."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from smnas.data.embedded import EMBEDDED_NAMES, is_embedded, load_embedded
from smnas.data.folds import MAX_FOLDS, MIN_FOLDS
from smnas.data.formats import EXPECTED, open_source, open_split
from smnas.data.splits import Splits, join_splits
from smnas.data.table_dataset import TableDataset
from smnas.errors import ConfigError, MissingFileError, nearest


class DataSpec(BaseModel):
    """Which data: a name such as ``trees``, or files and folders, as the user wrote them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """The pictures to train on, and to split where ``val`` or ``test`` is not given."""
    images: str | None = None
    """Folder that the file names start from; None: it is looked for near the annotations."""
    val: str | None = None
    test: str | None = None
    group_by: str | None = None
    """What pictures share that a split keeps together; see ``kept_together.find_groups``."""
    folds: Annotated[int, Field(ge=MIN_FOLDS, le=MAX_FOLDS)] | None = None
    """How many times finals are trained, each picture held out once (docs/decisions/0006)."""


def load_splits(spec: DataSpec, seed: int) -> Splits:
    """Return train, val and test, checked; pictures are read later.

    A split that is not given is the one that ``source`` brings itself; where it brings none it is
    taken from the pictures of ``source``, by picture: 15 % each.

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
    given = open_files(spec)
    whole = given.pop("train")
    return join_splits(whole, given, seed, spec.group_by, spec.folds)


def open_files(spec: DataSpec) -> dict[str, TableDataset]:
    """Return the user's own data as they are: ``train`` and what other splits there are.

    Raises:
        ConfigError: Neither a file nor a folder.
        MissingFileError: No such file or folder.
        DataError: The files are wrong.
    """
    check_source(spec.source)
    opened = open_source(spec.source, spec.images)
    known = opened["train"].categories
    for name, path in (("val", spec.val), ("test", spec.test)):
        if path is not None:
            opened[name] = open_split(path, name, look_in=spec.images, known=known)
    return opened


def _load_embedded(spec: DataSpec) -> Splits:
    if spec.images or spec.val or spec.test:
        raise ConfigError(
            f"data {spec.source!r} bring their own pictures and splits; "
            "leave out images, val and test"
        )
    if spec.folds is not None:
        raise ConfigError(
            f"data {spec.source!r} bring their own splits; folds are for data without: leave it out"
        )
    data = load_embedded(spec.source)
    return Splits(data.train, data.val, data.test, (data.note,))


def check_source(source: str) -> None:
    """Make sure that the file of the user's data is there.

    Raises:
        ConfigError: Neither a file nor the name of embedded data.
        MissingFileError: No such file.
    """
    path = Path(source)
    if path.exists():
        return
    if path.suffix or len(path.parts) > 1:
        raise MissingFileError(f"{source}: no such annotation file; expected {EXPECTED}")
    raise ConfigError(
        f"data {source!r}: expected the name of embedded data or the path of {EXPECTED}; "
        f"{nearest(source, EMBEDDED_NAMES)}"
    )
