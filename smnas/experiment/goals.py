"""What a search on given pictures can be judged by, and how finely."""

from collections.abc import Sequence

import numpy as np

from smnas.data.dataset import DetectionDataset
from smnas.detector.contract import Prediction
from smnas.errors import ConfigError
from smnas.measure.hits import find_hits
from smnas.measure.metric import weighted_metric
from smnas.measure.noise_floor import NoiseFloor
from smnas.trial.metrics import METRICS, find_metric, main_axes, make_objective

WIDEST_TIE = 0.99
"""Of a single picture the floor can be above 1, which no two accuracies differ by."""


def check_objectives(
    objectives: Sequence[str], val: DetectionDataset, field: str = "objectives"
) -> None:
    """Make sure that every accuracy among the objectives can be measured on the pictures ``val``.

    Args:
        objectives: Metrics; those that are no accuracies are not looked at.
        val: The pictures.
        field: Where they were asked for, for the message.

    Raises:
        ConfigError: ``val`` has no object of a size or class that an objective speaks of.
    """
    nothing = Prediction(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64)
    )
    hits, once_1P = find_hits(val, [nothing] * len(val)), np.ones((1, len(val)), np.float32)

    def is_missing(name: str) -> bool:
        return bool(np.isnan(weighted_metric(name, val.categories, hits, once_1P)[0]))

    wanted = [name for name in objectives if find_metric(name).kind == "accuracy"]
    missing = [name for name in wanted if is_missing(name)]
    if missing:
        known = [name for name, metric in METRICS.items() if metric.kind == "accuracy"]
        raise ConfigError(
            f"{field}: {', '.join(missing)}: {val.name} has no object of that size or class; leave "
            "it out, or take one of: " + ", ".join(name for name in known if not is_missing(name))
        )


def settled_metric(objectives: Sequence[str]) -> str:
    """Return the first accuracy among the objectives, which detectors are called better by."""
    return main_axes(list(map(make_objective, objectives)))[0].metric


def tie_width(objectives: Sequence[str], floor: NoiseFloor) -> float:
    """Return the difference in accuracy that means nothing to a search with these objectives.

    Args:
        objectives: Metrics.
        floor: That of their ``settled_metric``.
    """
    own = floor.ap50 if floor.own is None else floor.own
    return min(floor.ap if "ap" in objectives else own, WIDEST_TIE)
