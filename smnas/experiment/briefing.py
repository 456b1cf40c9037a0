"""What is known before the first trial: the run's header, and sentences about data and machine."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from smnas.archive.header import RunHeader
from smnas.data.dataset import DetectionDataset
from smnas.data.summary import summarise
from smnas.errors import DataError
from smnas.experiment.config import SearchConfig
from smnas.measure.protocol import describe_device, library_versions
from smnas.space.pair import SpacePair


def make_header(
    config: SearchConfig,
    splits: Mapping[str, DetectionDataset],
    spaces: SpacePair,
    notes: tuple[str, ...],
) -> RunHeader:
    """Return what is fixed for the run.

    Args:
        config: What the search is told.
        splits: What it reads: ``train`` and ``val``.
        spaces: Where it looks.
        notes: Sentences about the data, for the report.
    """
    return RunHeader(
        smnas_version=own_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        config=config.model_dump(mode="json"),
        data_ids={name: dataset.data_id for name, dataset in splits.items()},
        space=spaces.model_dump(mode="json"),
        categories=tuple(category.name for category in splits["train"].categories),
        machine=describe_device(config.device),
        notes=notes,
        versions=library_versions(),
    )


def own_version() -> str:
    """Return the version of smnas; ``unknown`` in a source tree that was never installed."""
    try:
        return version("smnas")
    except PackageNotFoundError:
        return "unknown"


def describe_split(name: str, dataset: DetectionDataset) -> str:
    """Return one sentence: pictures and their sizes, boxes and theirs, classes.

    Raises:
        DataError: The split has no object to find.
    """
    data = summarise(dataset)
    if not data.boxes:
        raise DataError(
            f"{name}: its {data.pictures} pictures have no object to find; a search needs objects "
            "to learn from and to judge by: check the annotations"
        )
    width, height = data.median_size
    low, middle, high = data.box_side_px
    classes = len(data.boxes_by_category)
    return (
        f"{name}: {data.pictures} picture{_s(data.pictures)} ({width} x {height} px), "
        f"{data.boxes} box{'' if data.boxes == 1 else 'es'} of {classes} "
        f"class{'' if classes == 1 else 'es'}, {low:.0f} to {high:.0f} px wide "
        f"(median {middle:.0f})"
    )


def _s(number: int) -> str:
    return "" if number == 1 else "s"
