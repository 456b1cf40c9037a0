"""Any accuracy by its name, of one set or of many re-drawn ones.

COCO's six are those of ``bootstrap.weighted_ap``. The others are AP of one class, and recall at a
mean number of false alarms a picture, as the FROC curve of medical imaging has it (Bunch et al.,
1978): objects found, of all, at the lowest score at which there are no more false alarms than that.
What is found or false is COCO's rule at an IoU of 0.5, all classes together.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smnas.data.dataset import Category
from smnas.errors import ConfigError, nearest
from smnas.measure.bootstrap import METRICS, Floats, Weights, weighted_ap
from smnas.measure.hits import Hits
from smnas.trial.metrics import false_alarms, find_metric, split_class

_ROWS: dict[str, int] = {name: row for row, name in enumerate(METRICS)}
_DETECTIONS_AT_ONCE = 1024
_ROUNDING = 1e-9


def class_metrics(categories: Sequence[Category]) -> tuple[str, ...]:
    """Return the AP of each class by its name; nothing where there is one class alone."""
    return tuple(f"ap:{item.name}" for item in categories) if len(categories) > 1 else ()


def weighted_metric(
    name: str, categories: Sequence[Category], hits: Hits, weights_BP: Weights
) -> Floats:
    """Return an accuracy for pictures that count as often as their weights say.

    Args:
        name: As in ``trial.metrics``.
        categories: Those of the judged detections.
        hits: The judged detections of P pictures.
        weights_BP: Whole numbers, one row per set.

    Returns:
        B values, 0 to 1; NaN where a set has no object that the metric speaks of.

    Raises:
        ConfigError: No accuracy, or no class of that name.
    """
    if name in _ROWS:
        by_size = name.startswith("ap_")
        return weighted_ap(hits, weights_BP, by_size=by_size)[_ROWS[name]]
    if (of_class := split_class(name)) is not None:
        metric, known = of_class[0], [item.name for item in categories]
        if of_class[1] not in known:
            raise ConfigError(f"{name}: no class of that name; {nearest(of_class[1], known)}")
        one = Hits(hits.pictures, (hits.categories[known.index(of_class[1])],))
        return weighted_ap(one, weights_BP, by_size=False)[_ROWS[metric]]
    alarms = false_alarms(name)
    if alarms is None:
        raise ConfigError(f"{name}: {find_metric(name).title} is no accuracy")
    return weighted_recall(hits, weights_BP, alarms)


def weighted_recall(hits: Hits, weights_BP: Weights, alarms: float) -> Floats:
    """Return the recall at up to ``alarms`` false alarms a picture, one value per set."""
    weights_PB = weights_BP.T.astype(np.float64)
    allowed_B = alarms * weights_PB.sum(axis=0) * (1.0 + _ROUNDING)
    counts_P = sum(
        np.bincount(item.object_picture_G[item.object_counts_GA[:, 0]], minlength=hits.pictures)
        for item in hits.categories
    )
    objects_B = np.asarray(counts_P, np.float64) @ weights_PB
    found_B, best_B, false_B = (np.zeros(len(weights_BP)) for _ in range(3))
    picture_D, hit_D, false_D, ends_D = _by_score(hits)
    for start in range(0, len(picture_D), _DETECTIONS_AT_ONCE):
        rows = slice(start, start + _DETECTIONS_AT_ONCE)
        weights_RB = weights_PB[picture_D[rows]]
        found_RB = found_B + np.cumsum(weights_RB * hit_D[rows, None], axis=0)
        false_RB = false_B + np.cumsum(weights_RB * false_D[rows, None], axis=0)
        within_RB = (false_RB <= allowed_B) & ends_D[rows, None]
        best_B = np.maximum(best_B, np.where(within_RB, found_RB, 0.0).max(axis=0))
        found_B, false_B = found_RB[-1], false_RB[-1]
        if (false_B > allowed_B).all():
            break
    return np.divide(best_B, objects_B, out=np.full_like(objects_B, np.nan), where=objects_B > 0)


def _by_score(
    hits: Hits,
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return all detections, best score first: picture, found, false, and last of its score.

    A threshold takes all detections of one score or none.
    """
    score_D = np.concatenate([np.zeros(0), *(item.score_D for item in hits.categories)])
    order = np.argsort(-score_D, kind="stable")

    def join(parts: list[NDArray[np.generic]]) -> NDArray[np.generic]:
        return np.concatenate(parts)[order] if parts else np.zeros(0, np.bool_)

    picture_D = join([item.picture_D for item in hits.categories])
    hit_D = join([item.hit_DAT[:, 0, 0] for item in hits.categories])
    counts_D = join([item.counts_DAT[:, 0, 0] for item in hits.categories])
    sorted_D = score_D[order]
    ends_D = np.append(sorted_D[1:] < sorted_D[:-1], True)[: len(sorted_D)]
    hit_D = hit_D.astype(np.bool_)
    return picture_D.astype(np.int64), hit_D, counts_D.astype(np.bool_) & ~hit_D, ends_D
