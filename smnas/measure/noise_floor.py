"""How small a difference means nothing on a set of pictures, said before anything is trained.

Detectors of one skill are made up from the set's own objects: each finds objects by chance, on some
pictures more than on others, with its boxes and scores jittered, and sees things that are not
there. None is better than another, and yet the set gives each another AP. 1.96 standard deviations
of the difference of two is the floor.

The limits of this model: real detectors miss the same hard objects, which brings them closer
together than these; two trainings of one detector differ too, which drives them apart; and the
skill is assumed (AP50 near 0.5, where chance has most room). It gives the scale. Of two real
detectors the paired interval decides (``accuracy.paired_difference``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smnas.data.dataset import Annotations, Category, DetectionDataset, Subset
from smnas.detector.contract import Prediction
from smnas.measure.bootstrap import METRICS, weighted_ap
from smnas.measure.hits import find_hits
from smnas.measure.metric import weighted_metric
from smnas.measure.predictions import require_objects
from smnas.seeding import generator
from smnas.trial.metrics import find_metric

FOUND_SHARE = (4.5, 2.5)
"""Beta distribution of the share of a picture's objects that a detector finds; mean 0.64."""
FALSE_PER_OBJECT = 0.7
JITTER = 0.08
"""Standard deviation of the sides of a found box, as a share of the object's width or height."""
HIT_SCORE, FALSE_SCORE = (4.0, 2.0), (2.0, 3.0)
"""Beta distributions of the scores."""
_MAX_PICTURES = 500
_PICTURES_IN_ALL = 10_000
_MAX_DETECTORS = 100


@dataclass(frozen=True)
class NoiseFloor:
    """Differences below these mean nothing on the set (0 to 1)."""

    ap: float
    ap50: float
    sentence: str
    """For people, in points of 100."""
    own: float | None = None
    """Of the accuracy that was asked for beside these."""


def noise_floor(dataset: DetectionDataset, seed: int = 0, metric: str = "ap") -> NoiseFloor:
    """Return how small a difference between two detectors means nothing on ``dataset``.

    Takes a second or two: of more than 500 pictures only as many are looked at, drawn at random,
    and the result is scaled by the root of their share.

    Args:
        dataset: The pictures that detectors will be compared on.
        seed: Seed of the made-up detectors.
        metric: A further accuracy whose floor is wanted, as in ``trial.metrics``.

    Raises:
        DataError: The set has no object to find.
        ConfigError: ``metric`` names a class that the set does not have.
    """
    objects = require_objects(dataset)
    rng = generator(seed, "noise floor")
    inhabited = [i for i in range(len(dataset)) if dataset.annotations(i).objects.any()]
    chosen = sorted(rng.permutation(inhabited)[:_MAX_PICTURES].tolist())
    part = Subset(dataset, chosen, dataset.name)
    ones = np.ones((1, len(part)), np.float32)
    detectors = min(_PICTURES_IN_ALL // len(part), _MAX_DETECTORS)
    seen = [imagine(part, rng) for _ in range(detectors)]
    judged = [find_hits(part, item) for item in seen]
    ap_6N = np.concatenate([weighted_ap(hits, ones, by_size=False) for hits in judged], axis=1)
    scale = 1.96 * np.sqrt(2.0 * len(part) / len(inhabited))
    ap, ap50 = (float(scale * ap_6N[METRICS.index(name)].std(ddof=1)) for name in ("ap", "ap50"))
    own = {"ap": ap, "ap50": ap50}.get(metric)
    told = ""
    if own is None:
        own_N = np.concatenate(
            [weighted_metric(metric, part.categories, hits, ones) for hits in judged]
        )
        own = float(scale * own_N.std(ddof=1)) if np.isfinite(own_N).all() else ap50
        told = f"; {100 * own:.1f} of {find_metric(metric).title}"
    sentence = (
        f"With {len(dataset)} pictures and {objects} objects to compare on, a difference of less "
        f"than about {100 * ap50:.1f} points of AP50 ({100 * ap:.1f} of AP{told}) "
        "between two detectors means nothing."
    )
    return NoiseFloor(ap, ap50, sentence, own)


def imagine(dataset: DetectionDataset, rng: np.random.Generator) -> list[Prediction]:
    """Return what one made-up detector sees in each picture."""
    objects = [dataset.annotations(index) for index in range(len(dataset))]
    return [_imagine_one(item, dataset.categories, rng) for item in objects]


def _imagine_one(
    objects: Annotations, categories: tuple[Category, ...], rng: np.random.Generator
) -> Prediction:
    boxes_G4 = objects.boxes_xyxy[~objects.ignore].astype(np.float64)
    labels_G = objects.labels[~objects.ignore]
    found = np.flatnonzero(rng.random(len(boxes_G4)) < rng.beta(*FOUND_SHARE))
    hits_D4 = _jitter(boxes_G4[found], JITTER, rng)
    # A false alarm looks like one of the picture's objects, a box width or so beside it.
    false = rng.integers(0, max(len(boxes_G4), 1), rng.poisson(FALSE_PER_OBJECT * len(boxes_G4)))
    false_D4 = _jitter(boxes_G4[false], 1.0, rng)
    scores = [rng.beta(*HIT_SCORE, len(found)), rng.beta(*FALSE_SCORE, len(false))]
    ids = np.array([category.id for category in categories], np.int64)
    return Prediction(
        boxes_xyxy=np.concatenate([hits_D4, false_D4]).astype(np.float32),
        scores=np.concatenate(scores).astype(np.float32),
        labels=ids[np.concatenate([labels_G[found], labels_G[false]])],
    )


def _jitter(
    boxes_N4: NDArray[np.float64], share: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Move every side of the boxes by that share of their width or height, sides kept in order."""
    size_N4 = np.tile(boxes_N4[:, 2:] - boxes_N4[:, :2], 2)
    moved_N4 = boxes_N4 + share * size_N4 * rng.standard_normal(boxes_N4.shape)
    low, high = moved_N4[:, :2], moved_N4[:, 2:]
    return np.concatenate([np.minimum(low, high), np.maximum(low, high)], axis=1)
