"""Which trials are on the front of a run, which of them is recommended, and what stands beside."""

from collections.abc import Sequence
from math import inf
from typing import Literal

from smnas.report.objectives import FRONT_OBJECTIVES, RECOMMENDED_SHARE
from smnas.trial.front import Objective, front
from smnas.trial.metrics import main_axes
from smnas.trial.trial import Trial


def is_final(trials: Sequence[Trial]) -> bool:
    """Return whether the final training is over.

    It is when nothing of it is still running, there are finals, and the main yardstick, which is
    proposed last of all, has been trained beside them, or before them for as long.
    """
    finalists = [trial for trial in trials if _is_finalist(trial)]
    if not any(is_measured(trial) for trial in finalists):
        return False
    yardsticks = [trial for trial in trials if trial.proposal.stage == "yardstick"]
    first = finalists[0]
    begun = any(
        trial.number > first.number or trial.proposal.budget == first.proposal.budget
        for trial in yardsticks
    )
    return begun and all(trial.outcome is not None for trial in [*finalists, *yardsticks])


def front_members(
    trials: Sequence[Trial],
    objectives: Sequence[Objective] = FRONT_OBJECTIVES,
    *,
    final: bool | None = None,
) -> list[Trial]:
    """Return the trials of the front: of the finals, or of the candidates before the final."""
    if is_final(trials) if final is None else final:
        listed = [trial for trial in trials if _is_finalist(trial)]
    else:
        listed = [trial for trial in trials if trial.proposal.is_candidate]
    budgets = dict.fromkeys(trial.proposal.budget for trial in listed)
    return [
        member
        for budget in budgets
        for member in front(
            [t for t in listed if t.proposal.budget == budget and is_measured(t)], objectives
        )
    ]


def recommended(
    members: Sequence[Trial], objectives: Sequence[Objective] = FRONT_OBJECTIVES
) -> Trial | None:
    """Return the cheapest member with at least 95 % of the best accuracy, or None for no members.

    Accuracy and cost are the main ones of the objectives: AP and time unless a run says otherwise.
    """
    if not members:
        return None
    merit, cost = main_axes(objectives)
    enough = RECOMMENDED_SHARE * max(trial.value(merit.metric) for trial in members)
    able = [trial for trial in members if trial.value(merit.metric) >= enough]
    return max(able, key=lambda trial: (cost.of(trial), merit.of(trial)))


def yardstick_trials(trials: Sequence[Trial], *, final: bool) -> list[Trial]:
    """Return the yardsticks to set beside the front: trained like finals, or like candidates."""
    measured = [t for t in trials if t.proposal.stage == "yardstick" and is_measured(t)]
    pick = max if final else min
    epochs = pick((trial.proposal.budget.epochs for trial in measured), default=None)
    return [trial for trial in measured if trial.proposal.budget.epochs == epochs]


def standing(trial: Trial, objectives: Sequence[Objective]) -> tuple[float, float, int]:
    """Return what sorts trials: most accurate first, then cheapest, then by number."""
    merit, cost = main_axes(objectives)
    return -_utility(trial, merit), -_utility(trial, cost), trial.number


def candidate_stage(trial: Trial, by_number: dict[int, Trial]) -> Literal[1, 2, "yardstick"]:
    """Return the stage of a trial; for a final, that of the candidate that it was made from."""
    stage = trial.proposal.stage
    if stage != "final":
        return stage
    origin = trial.proposal.origin
    parent = by_number.get(origin.parent) if origin.parent is not None else None
    if parent is not None and parent.proposal.stage in (1, 2):
        return parent.proposal.stage
    return 1 if origin.group is None else 2


def is_measured(trial: Trial, objectives: Sequence[Objective] = FRONT_OBJECTIVES) -> bool:
    """Return whether a trial has all that it is judged by, and so a place beside the others."""
    return trial.succeeded and None not in (measured_value(trial, o) for o in objectives)


def _is_finalist(trial: Trial) -> bool:
    return trial.proposal.stage == "final"


def measured_value(trial: Trial, objective: Objective) -> float | None:
    """Return what a trial has of an objective's metric, on its split; None where nothing."""
    found = trial.measurement(objective.metric, objective.split)
    return found.value if found else None


def _utility(trial: Trial, objective: Objective) -> float:
    """Return where a trial stands; last where it was not measured, as a yardstick may not be."""
    value = measured_value(trial, objective)
    return -inf if value is None else objective.utility(value)
