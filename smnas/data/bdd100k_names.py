"""Names of classes in BDD100K files, read as the format's own tools read them.

Older names become newer ones, and what cannot be told apart ("other vehicle") is an ignored region
of the class that it might be (bdd100k, ``configs/det.toml`` and ``label/to_scalabel.py``).
"""

from collections import Counter
from dataclasses import dataclass, field

CLASSES = (
    "pedestrian",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
    "traffic light",
    "traffic sign",
)
"""The ten of detection, numbered from 1 in this order, where a file brings no ``config``."""
RENAMED = {
    "bike": "bicycle",
    "caravan": "car",
    "motor": "motorcycle",
    "person": "pedestrian",
    "van": "car",
}
IGNORED = {"other person": "pedestrian", "other vehicle": "car", "trailer": "truck"}


@dataclass
class Names:
    """From names in the file to labels, and how often a name was not taken as it stands."""

    labels: dict[str, int]
    source: str
    """Where the names that are known stand, for messages."""
    renamed: Counter[str] = field(default_factory=Counter[str])
    ignored: Counter[str] = field(default_factory=Counter[str])

    def read(self, name: str) -> tuple[int, bool] | None:
        """Return the label and whether the object is ignored; None for an unknown name."""
        if name in self.labels:
            return self.labels[name], False
        for names, counts in ((RENAMED, self.renamed), (IGNORED, self.ignored)):
            if names.get(name) in self.labels:
                counts[name] += 1
                return self.labels[names[name]], names is IGNORED
        return None

    def notes(self) -> tuple[str, ...]:
        """Return what is to be said about names."""
        told = [
            f"{count} {name!r} are {what} {names[name]!r}"
            for names, counts, what in (
                (RENAMED, self.renamed, "read as"),
                (IGNORED, self.ignored, "ignored regions of"),
            )
            for name, count in sorted(counts.items())
        ]
        return (f"As BDD100K's own tools do it: {'; '.join(told)}.",) if told else ()
