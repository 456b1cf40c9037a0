"""Several trainings of one arch, equal but for the seed, as one trial with their means."""

from collections.abc import Sequence
from math import sqrt
from statistics import variance

from smnas.arch import DetectorArch
from smnas.trial.budget import Budget
from smnas.trial.measurement import AccuracyProtocol, Measurement
from smnas.trial.trial import Trial


def with_means(trials: Sequence[Trial]) -> Trial:
    """Return the first of some trials of one arch and budget, with the means over all of them.

    Intervals and protocols stay those of the first; metrics that not all of them hold stay too.
    """
    first = trials[0]
    if len(trials) == 1 or first.outcome is None:
        return first
    averaged = tuple(
        item.model_copy(update={"value": sum(values) / len(values)})
        for item in first.outcome.measurements
        if (values := _values(trials, item))
    )
    outcome = first.outcome.model_copy(update={"measurements": averaged})
    return first.model_copy(update={"outcome": outcome})


def merge_repeats(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials with each set of repeats as one, in the place of the first of them.

    Those without numbers stay as they are.
    """
    seeds = _by_training(trials)
    merged = {equals[0].number: with_means(equals) for equals in seeds}
    later = {trial.number for equals in seeds for trial in equals[1:]}
    return [merged.get(t.number, t) for t in trials if t.number not in later]


def seed_deviation(trials: Sequence[Trial], metric: str) -> float | None:
    """Return the standard deviation of ``metric`` between trainings that differ in seed alone.

    It is pooled over all that was trained more than once; None where nothing was.
    """
    squares, freedom = 0.0, 0
    for equals in _by_training(trials):
        found = [trial.measurement(metric) for trial in equals]
        values = [item.value for item in found if item is not None]
        if len(values) > 1:
            squares += variance(values) * (len(values) - 1)
            freedom += len(values) - 1
    return sqrt(squares / freedom) if freedom else None


def _by_training(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Return the trials that succeeded, those together that differ in the seed alone."""
    seeds: dict[tuple[DetectorArch, Budget, int | str], list[Trial]] = {}
    for trial in trials:
        proposal = trial.proposal
        if trial.succeeded:
            key = (proposal.arch, proposal.budget, _kind(trial))
            seeds.setdefault(key, []).append(trial)
    return list(seeds.values())


def _kind(trial: Trial) -> int | str:
    """Candidates of both stages are trained alike; finals and yardsticks are something else."""
    return 0 if trial.proposal.is_candidate else trial.proposal.stage


def _values(trials: Sequence[Trial], like: Measurement) -> list[float]:
    split = like.protocol.split if isinstance(like.protocol, AccuracyProtocol) else "val"
    found = [trial.measurement(like.metric, split) for trial in trials]
    return [item.value for item in found if item is not None]
