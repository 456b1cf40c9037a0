"""What is known before the first trial: the run's header, and sentences about data and machine."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from smnas.archive.header import RunHeader
from smnas.data.dataset import DetectionDataset
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
    everything = [dataset.annotations(index) for index in range(len(dataset))]
    boxes = np.concatenate(
        [np.zeros((0, 4), np.float32), *(item.boxes_xyxy[item.objects] for item in everything)]
    )
    if not len(boxes):
        raise DataError(
            f"{name}: its {len(dataset)} pictures have no object to find; a search needs objects "
            "to learn from and to judge by: check the annotations"
        )
    sides = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    low, middle, high = np.percentile(sides, [5, 50, 95])
    sizes = {dataset.picture_size(index) for index in range(len(dataset))}
    widths, heights = zip(*sizes, strict=True)
    size = f"{widths[0]} x {heights[0]}"
    if len(sizes) > 1:
        size = f"{min(widths)} x {min(heights)} to {max(widths)} x {max(heights)}"
    return (
        f"{name}: {_count(len(dataset), 'picture')} of {size} px, {_count(len(boxes), 'box')} of "
        f"{len(dataset.categories)} class{'' if len(dataset.categories) == 1 else 'es'}, "
        f"sides {low:.0f} to {high:.0f} px (median {middle:.0f})"
    )


def aspect_ratio(dataset: DetectionDataset) -> float:
    """Return width over height of the typical picture."""
    sizes = [dataset.picture_size(index) for index in range(len(dataset))]
    return float(np.exp(np.median([np.log(width / height) for width, height in sizes])))


def _count(number: int, word: str) -> str:
    plural = word + ("es" if word.endswith("x") else "s")
    return f"{number} {word if number == 1 else plural}"
