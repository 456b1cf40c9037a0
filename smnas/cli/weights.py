"""Which weights a call means: a file, a front package, or the recommended detector of a run."""

from pathlib import Path
from typing import TYPE_CHECKING

from smnas.archive.archive import Archive
from smnas.errors import ArchiveError, MissingFileError
from smnas.report.objectives import run_objectives
from smnas.report.tables import front_rows
from smnas.report.verdict import recommended_row

if TYPE_CHECKING:
    from smnas.data.sources import DataSpec

PACKAGE = "package.json"
"""What a front package is known by; ``experiment.package``, which names it, imports torch."""


def run_data(
    weights: Path, data: str | None, images: Path | None, seed: int
) -> "tuple[DataSpec | None, int]":
    """Return the data that weights are judged on, and the seed that splits them.

    Args:
        weights: As given: a run folder brings its own data and seed, unless others are named.
        data: As named beside it.
        images: Folder of its pictures.
        seed: As named beside it.
    """
    from smnas.cli.specification import data_spec
    from smnas.data.sources import DataSpec

    if data is not None:
        return data_spec(data, images), seed
    if not weights.is_dir() or (weights / PACKAGE).is_file():
        return None, seed
    archive = Archive.open(weights)
    config = archive.header.config
    archive.close()
    return DataSpec.model_validate(config["data"]), config.get("seed", seed)


def find_weights(path: Path, *, exported: bool = False) -> Path:
    """Return the weights file that ``path`` stands for.

    Args:
        path: A file, a front package, or a run folder.
        exported: Whether the exported file of a front package is meant, and not its weights.

    Raises:
        MissingFileError: Nothing there.
        PackageError: A front package that is not whole, or was changed.
        ArchiveError: A run folder that has nothing to recommend yet, or lost its weights.
    """
    if path.is_file():
        return path
    if (path / PACKAGE).is_file():
        from smnas.experiment.package import DETECTOR, WEIGHTS, read_package

        return read_package(path).folder / (DETECTOR if exported else WEIGHTS)
    if not path.exists():
        raise MissingFileError(
            f"{path}: expected a weights file, a front package or a run folder; nothing is there"
        )
    archive = Archive.open(path)
    objectives = run_objectives(archive.header.config)
    chosen = recommended_row(front_rows(archive.trials(), path, objectives))
    archive.close()
    if chosen is None:
        raise ArchiveError(f"{path}: no detector has been measured yet; let the search go on")
    if chosen["weights"] is None:
        raise ArchiveError(
            f"{path}: the weights of its recommended detector (trial {chosen['trial']}) are gone; "
            "give another weights file, see `smnas front --json`"
        )
    return Path(chosen["weights"])
