"""The metrics that a search records, and objectives over them.

Beside those by name there are two families of accuracies: ``ap:CLASS`` (also ``ap50:``, ``ap75:``)
is that of one class, ``recall@fppi=X`` the share of objects found (IoU 0.5, all classes) at the
score from which on a picture has X false alarms in the mean.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from smnas.errors import ConfigError, nearest
from smnas.trial.front import Objective

Kind = Literal["accuracy", "time", "count"]


@dataclass(frozen=True)
class Metric:
    """What a metric is: an accuracy needs a training, a time a clock, a count neither."""

    kind: Kind
    title: str
    """As an axis or a sentence calls it; accuracies are shown times 100."""


METRICS: dict[str, Metric] = {
    "ap": Metric("accuracy", "AP"),
    "ap50": Metric("accuracy", "AP50"),
    "ap75": Metric("accuracy", "AP75"),
    "ap_small": Metric("accuracy", "AP of small objects"),
    "ap_medium": Metric("accuracy", "AP of medium objects"),
    "ap_large": Metric("accuracy", "AP of large objects"),
    "latency_ms": Metric("time", "time per picture, ms"),
    "macs_g": Metric("count", "G multiply-adds"),
    "params_m": Metric("count", "M parameters"),
}
"""By name; accuracies are wanted, times and counts are costs."""

_OF_A_CLASS = re.compile(r"(ap|ap50|ap75):(.+)")
_RECALL = re.compile(r"recall@fppi=([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)")

DEFAULT_OBJECTIVES = ("ap", "latency_ms")
MAX_OBJECTIVES = 3


def find_metric(name: str) -> Metric:
    """Return what a metric is.

    Raises:
        ConfigError: No such metric.
    """
    if name in METRICS:
        return METRICS[name]
    if (of_class := split_class(name)) is not None:
        return Metric("accuracy", f"{METRICS[of_class[0]].title} of {of_class[1]}")
    if (alarms := false_alarms(name)) is not None:
        return Metric("accuracy", f"recall at {alarms:g} false alarms a picture")
    raise ConfigError(
        f"{name!r} is no metric of a search; {nearest(name, METRICS)}; or ap:CLASS, recall@fppi=0.1"
    )


def split_class(name: str) -> tuple[str, str] | None:
    """Return metric and class of ``ap:CLASS``; None for other metrics."""
    match = _OF_A_CLASS.fullmatch(name)
    return None if match is None else (match[1], match[2])


def false_alarms(name: str) -> float | None:
    """Return the mean false alarms a picture of ``recall@fppi=X``; None for other metrics."""
    match = _RECALL.fullmatch(name)
    return float(match[1]) if match and float(match[1]) > 0 else None


def make_objective(metric: str, tie: float = 0.0) -> Objective:
    """Return the objective on ``metric``: costs count as ratios and are to be small."""
    is_cost = find_metric(metric).kind != "accuracy"
    return Objective(metric=metric, maximise=not is_cost, tie=tie, log=is_cost)


def over_yardstick(metric: str) -> str:
    """Return the name of a detector's lead over the yardstick in ``metric``, on equal pictures."""
    return f"{metric}_over_yardstick"


def main_axes(objectives: Sequence[Objective]) -> tuple[Objective, Objective]:
    """Return the first accuracy that is wanted, and the first cost.

    Where only accuracies are wanted, the last of these stands for the cost.
    """
    merit = next(o for o in objectives if o.maximise)
    return merit, next((o for o in objectives if not o.maximise), objectives[-1])


def _split_text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in value.split(","))


def _check_objectives(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``names``, or say what is wrong with them."""
    kinds = [find_metric(name).kind for name in names]
    if not 2 <= len(names) <= MAX_OBJECTIVES or len(set(names)) != len(names):
        raise ConfigError(f"expected two or three different metrics; got {', '.join(names)}")
    if "accuracy" not in kinds:
        raise ConfigError(
            "expected an accuracy, such as ap50, among the objectives: costs alone need no "
            f"training; got {', '.join(names)}"
        )
    return names


ObjectiveNames = Annotated[
    tuple[str, ...], BeforeValidator(_split_text), AfterValidator(_check_objectives)
]
"""Two or three metrics, as names or as one text with commas between them."""
