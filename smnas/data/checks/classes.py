"""Classes: unused, nearly empty, missing in one split, out of balance, or two names for one."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smnas.data.checks.finding import Finding, Severity
from smnas.data.dataset import DetectionDataset
from smnas.data.wording import count

FEW_OBJECTS = 20
"""Fewer in training teach little, and fewer in validation measure little."""
OUT_OF_BALANCE = 100


def count_objects(dataset: DetectionDataset) -> NDArray[np.int64]:
    """Return how many objects of each category a split shows."""
    counts = np.zeros(len(dataset.categories), np.int64)
    for index in range(len(dataset)):
        found = dataset.annotations(index)
        np.add.at(counts, found.labels[found.objects], 1)
    return counts


@dataclass(frozen=True)
class _Classes:
    """The objects of each class in each split.

    Attributes:
        file: What findings name.
        names: K.
        counts: K for each split.
    """

    file: str
    names: list[str]
    counts: dict[str, NDArray[np.int64]]

    def find(
        self,
        where: NDArray[np.bool_],
        severity: Severity,
        check: str,
        split: str,
        told: str,
        advice: str,
    ) -> Iterator[Finding]:
        """Yield a finding on the classes where ``where`` is true, if there are any."""
        rows = np.flatnonzero(where).tolist()
        if not rows:
            return
        places = tuple(
            f"{self.names[row]}: " + ", ".join(f"{n[row]} in {s}" for s, n in self.counts.items())
            for row in rows
        )
        message = f"{count(len(rows), 'class')} {told}"
        yield Finding(severity, check, split, self.file, message, advice, places)


def check_classes(parts: Mapping[str, DetectionDataset], file: str) -> Iterator[Finding]:
    """Yield what is strange about the classes.

    Args:
        parts: The splits, ``train`` among them, all of the same categories.
        file: What findings name.
    """
    names = [category.name for category in parts["train"].categories]
    counts = {split: count_objects(dataset) for split, dataset in parts.items()}
    used = sum(counts.values(), np.zeros(len(names), np.int64)) > 0
    classes = _Classes(file, names, counts)
    yield from classes.find(
        ~used,
        "warning",
        "class-unused",
        ", ".join(parts),
        "without a single object",
        "remove unused classes: each costs computing time and gives the detector a way to be wrong",
    )
    yield from _check_spelling(names, file)
    for split, found in counts.items():
        yield from classes.find(
            used & (found == 0),
            "warning",
            "class-missing",
            split,
            f"with objects elsewhere but none in {split}",
            "what is not shown is not learnt"
            if split == "train"
            else "its AP is not measured there, and the mean leaves it out",
        )
        yield from classes.find(
            (found > 0) & (found < FEW_OBJECTS),
            "warning" if split == "train" else "note",
            "class-nearly-empty",
            split,
            f"with fewer than {FEW_OBJECTS} objects in {split}",
            "add pictures of them, or merge them with another class",
        )
    yield from _check_balance(classes)


def _check_balance(classes: _Classes) -> Iterator[Finding]:
    found = classes.counts["train"]
    yield from classes.find(
        (found > 0) & (found * OUT_OF_BALANCE < found.max(initial=0)),
        "note",
        "class-balance",
        "train",
        f"with less than a {OUT_OF_BALANCE}th of the objects of the most frequent one",
        "AP weighs all classes alike: the rare ones decide it as much as the frequent ones",
    )


def _check_spelling(names: list[str], file: str) -> Iterator[Finding]:
    spellings: dict[str, list[str]] = defaultdict(list)
    for name in names:
        spellings["".join(filter(str.isalnum, name.casefold()))].append(name)
    twins = [" and ".join(map(repr, found)) for found in spellings.values() if len(found) > 1]
    if twins:
        yield Finding(
            "warning",
            "class-spelling",
            "train",
            file,
            f"{count(len(twins), 'class')} under names that differ in spelling only",
            "merge them where they mean the same",
            tuple(twins),
        )
