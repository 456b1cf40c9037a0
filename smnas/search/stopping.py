"""When a stage, or all proposing of candidates, ends: budget, refusals, plateau."""

from collections.abc import Sequence

from smnas.search.history import History
from smnas.search.settings import PLATEAU_GAIN, SearchSettings
from smnas.trial.trial import Stage

REFUSALS_PER_TRIAL = 50
"""A stage ends when so many proposals per candidate that it may train have been refused."""


def stage_one_is_over(history: History, settings: SearchSettings) -> bool:
    """Return whether stage one has used its share, or gains no more."""
    share = settings.stage_one_share
    return (
        history.spent[1].epochs >= settings.stage_one_trials * settings.stage_one.epochs
        or _reaches(history, (1,), settings.stage_one_trials, settings, share)
        or is_flat(history, settings, 1)
    )


def search_is_over(history: History, settings: SearchSettings) -> bool:
    """Return whether no further candidate is to be proposed."""
    one, two = settings.stage_one.epochs, settings.stage_two.epochs
    whole = history.spent[1].epochs * two + history.spent[2].epochs * one
    flat = is_flat(history, settings, 2) and (
        settings.parts.allocation == "share" or is_flat(history, settings, 1)
    )
    return (
        whole >= settings.trials * one * two
        or _reaches(history, (1, 2), settings.trials, settings, 1.0)
        or flat
    )


def is_flat(history: History, settings: SearchSettings, stage: Stage) -> bool:
    """Return whether the latest whole trainings of a stage have gained next to nothing."""
    if settings.plateau is None:
        return False
    top = settings.stage_one if stage == 1 else settings.stage_two
    gains = [gain for trial, gain in history.gains.of(top) if trial.proposal.stage == stage]
    latest = gains[-settings.plateau :]
    return len(latest) == settings.plateau and sum(latest) < PLATEAU_GAIN


def _reaches(
    history: History, stages: Sequence[Stage], trials: int, settings: SearchSettings, share: float
) -> bool:
    """Return whether the stages have used that share of what all may use, whatever is limited."""
    spent = [history.spent[stage] for stage in stages]
    limits = (
        (sum(item.refused for item in spent), REFUSALS_PER_TRIAL * trials),
        (sum(item.epochs for item in spent), _part(settings.epochs, share)),
        (sum(item.total_seconds for item in spent), _part(settings.seconds, share)),
    )
    return any(limit is not None and used >= limit for used, limit in limits)


def _part(limit: float | None, share: float) -> float | None:
    return None if limit is None else share * limit
