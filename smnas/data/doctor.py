"""``smnas data check``: everything that is wrong with a data set, not only the first thing.

Unlike the loader the doctor goes on with what is sound: faults of the annotations are kept, what is
faulty is left out, and all pictures are read.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from smnas.data.all_cores import on_all_cores
from smnas.data.checks.boxes import check_boxes, gather_boxes
from smnas.data.checks.classes import check_classes
from smnas.data.checks.finding import SEVERITIES, Finding, Reporter
from smnas.data.checks.leaks import check_leaks
from smnas.data.checks.pictures import SeenPicture, check_pictures, see_picture
from smnas.data.dataset import DetectionDataset
from smnas.data.embedded import is_embedded
from smnas.data.faults import KeptFaults
from smnas.data.formats import open_source, open_split
from smnas.data.sources import DataSpec, check_source, load_splits
from smnas.data.splits import Splits, join_splits
from smnas.data.table_dataset import TableDataset
from smnas.data.wording import count
from smnas.errors import DataError, MissingFileError

Progress = Callable[[int, int], None]
"""Told how many pictures of how many have been read."""


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor has found.

    Attributes:
        findings: Gravest first.
        splits: What is sound, split as a search would; None where that is too little.
    """

    findings: tuple[Finding, ...]
    splits: Splits | None


def examine(spec: DataSpec, seed: int = 0, progress: Progress | None = None) -> Diagnosis:
    """Return everything that is wrong with a data set.

    Args:
        spec: Which data.
        seed: Of the split, where one has to be made.
        progress: Told of each picture.

    Raises:
        ConfigError: No such source.
        MissingFileError: An annotation file, or the folder of the pictures, is not there.
    """
    if is_embedded(spec.source):
        splits = load_splits(spec, seed)
        return Diagnosis(sort_findings(_check_annotations(splits, spec.source)), splits)
    check_source(spec.source)
    opened, findings = _open_all(spec)
    seen = _see_all(opened, progress or _ignore)
    for split, dataset in opened.items():
        report = Reporter(split, str(dataset.path))
        findings += check_pictures(dataset, seen[split], report)
        findings += check_boxes(gather_boxes(dataset), report)
    findings += check_leaks(seen, spec.source)
    splits = _split(spec, opened, seed, findings)
    if splits is not None:
        findings += check_classes(_parts(splits), spec.source)
    return Diagnosis(sort_findings(findings), splits)


def sort_findings(findings: Iterator[Finding] | list[Finding]) -> tuple[Finding, ...]:
    """Return findings with the gravest first, otherwise in the order in which they came."""
    return tuple(sorted(findings, key=lambda item: SEVERITIES.index(item.severity)))


def _open_all(spec: DataSpec) -> tuple[dict[str, TableDataset], list[Finding]]:
    """Return what is sound of each split, and the faults of the rest."""
    opened: dict[str, TableDataset] = {}
    findings: list[Finding] = []
    for split, source in (("train", spec.source), ("val", spec.val), ("test", spec.test)):
        if source is None:
            continue
        faults, report = KeptFaults(Path(source)), Reporter(split, source)
        try:
            if split == "train":
                opened |= open_source(source, spec.images, faults=faults)
            else:
                known = opened["train"].categories if "train" in opened else None
                opened[split] = open_split(
                    source, split, look_in=spec.images, known=known, faults=faults
                )
        except MissingFileError:
            raise
        except DataError as error:
            findings += _tell(faults, report) or [_give_up(report, str(error))]
        else:
            findings += _tell(faults, report)
    return opened, findings


def _tell(faults: KeptFaults, report: Reporter) -> list[Finding]:
    return [
        report.find(
            "error",
            "annotations",
            f"{count(len(noted.texts), 'fault')} of the annotations",
            noted.advice,
            noted.texts,
        )
        for noted in faults.noted
    ]


def _give_up(report: Reporter, message: str) -> Finding:
    return report.find("error", "annotations", message, "correct this first; the rest is not seen")


def _see_all(
    opened: Mapping[str, TableDataset], progress: Progress
) -> dict[str, list[SeenPicture]]:
    """Return what reading tells of all pictures; one that is in two splits is read once."""
    files = {
        split: [dataset.picture_file(index) for index in range(len(dataset))]
        for split, dataset in opened.items()
    }
    different = list(dict.fromkeys(path for paths in files.values() for path in paths))
    seen: dict[Path, SeenPicture] = {}
    for path, item in zip(different, on_all_cores(see_picture, different), strict=True):
        seen[path] = item
        progress(len(seen), len(different))
    return {split: [seen[path] for path in paths] for split, paths in files.items()}


def _ignore(done: int, total: int) -> None:
    del done, total


def _split(
    spec: DataSpec, opened: dict[str, TableDataset], seed: int, findings: list[Finding]
) -> Splits | None:
    """Return the splits of a search; why there are none becomes a finding."""
    if "train" not in opened:
        return None
    given = {split: dataset for split, dataset in opened.items() if split != "train"}
    try:
        return join_splits(opened["train"], given, seed, spec.group_by, spec.folds)
    except DataError as error:
        findings.append(_give_up(Reporter(", ".join(opened), spec.source), str(error)))
        return None


def _parts(splits: Splits) -> dict[str, DetectionDataset]:
    parts = {"train": splits.train, "val": splits.val}
    return parts if splits.test is None else {**parts, "test": splits.test}


def _check_annotations(splits: Splits, source: str) -> Iterator[Finding]:
    parts = _parts(splits)
    for split, dataset in parts.items():
        yield from check_boxes(gather_boxes(dataset), Reporter(split, source))
    yield from check_classes(parts, source)
