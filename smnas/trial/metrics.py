"""The metrics that a search records, and objectives over them."""

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
"""Every metric that can be an objective: accuracies are wanted, times and counts are costs."""

DEFAULT_OBJECTIVES = ("ap", "latency_ms")
MAX_OBJECTIVES = 3


def make_objective(metric: str, tie: float = 0.0) -> Objective:
    """Return the objective on ``metric``: costs count as ratios and are to be small."""
    is_cost = METRICS[metric].kind != "accuracy"
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
    for name in names:
        if name not in METRICS:
            raise ConfigError(f"{name!r} is no metric of a search; {nearest(name, METRICS)}")
    if not 2 <= len(names) <= MAX_OBJECTIVES or len(set(names)) != len(names):
        raise ConfigError(f"expected two or three different metrics; got {', '.join(names)}")
    if all(METRICS[name].kind != "accuracy" for name in names):
        raise ConfigError(
            "expected an accuracy, such as ap50, among the objectives: costs alone need no "
            f"training; got {', '.join(names)}"
        )
    return names


ObjectiveNames = Annotated[
    tuple[str, ...], BeforeValidator(_split_text), AfterValidator(_check_objectives)
]
"""Two or three metrics, as names or as one text with commas between them."""
