"""What a run wants of its detectors, and what people are told about it."""

from collections.abc import Iterable, Mapping
from typing import Any

from smnas.trial.front import Objective
from smnas.trial.metrics import DEFAULT_OBJECTIVES, find_metric, main_axes, make_objective

FRONT_OBJECTIVES: tuple[Objective, ...] = tuple(map(make_objective, DEFAULT_OBJECTIVES))
"""What the front is taken over unless a run says otherwise: AP and time as deployed, on val.

Without tie widths: these steer the search, which must not chase noise. What people are shown is the
plain front, with the interval beside every number.
"""

RECOMMENDED_SHARE = 0.95
"""The recommended detector is the cheapest that keeps this share of the best accuracy."""


def run_objectives(config: Mapping[str, Any]) -> tuple[Objective, ...]:
    """Return what the front of a run is taken over.

    Args:
        config: Its configuration as its header holds it.
    """
    return tuple(map(make_objective, config.get("objectives", DEFAULT_OBJECTIVES)))


def run_metrics(config: Mapping[str, Any]) -> list[str]:
    """Return the accuracies among the objectives of a run."""
    return [objective.metric for objective in run_objectives(config) if objective.maximise]


def judged_metric(objectives: Iterable[Objective]) -> str:
    """Return the accuracy that detectors are called better or worse by.

    It is the first that the run wants; AP50 where that is AP, which says what people ask first.
    """
    merit = main_axes(list(objectives))[0].metric
    return "ap50" if merit == "ap" else merit


def recommended_rule(objectives: Iterable[str] = DEFAULT_OBJECTIVES) -> str:
    """Return in words which detector is recommended.

    >>> recommended_rule(("ap50", "params_m"))
    'the smallest with at least 95 % of the best AP50'
    """
    merit, cost = main_axes(list(map(make_objective, objectives)))
    best = f"the best in {find_metric(cost.metric).title}"
    return (
        f"{_SUPERLATIVES.get(cost.metric, best)} with at least {100 * RECOMMENDED_SHARE:.0f} % of "
        f"the best {find_metric(merit.metric).title}"
    )


_SUPERLATIVES = {
    "latency_ms": "the fastest",
    "macs_g": "the one of fewest multiply-adds",
    "params_m": "the smallest",
}
