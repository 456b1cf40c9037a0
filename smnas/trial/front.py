"""Which trials are best: domination beyond a tie width, fronts, ranks, hypervolume, spread.

All functions see the trials that succeeded and hold every metric asked for; the others do not take
part. Only equal budgets are compared.
"""

from collections.abc import Sequence
from itertools import compress
from typing import Annotated

import moocore
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from smnas.errors import ComparisonError
from smnas.trial.measurement import Split
from smnas.trial.trial import Trial

_Utilities = NDArray[np.float64]
"""One row per trial and one column per objective, each the more the better."""


class Objective(BaseModel):
    """A metric, which way is better, and how small a difference means nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    maximise: bool
    tie: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    """Width up to which two values are equal: absolute, or where ``log`` relative (0.03 is 3 %)."""
    log: bool = False
    """Whether ratios count, as for times and costs; then every value must be positive."""
    split: Split = "val"

    @property
    def utility_tie(self) -> float:
        """The tie width on the scale of ``utility``."""
        return float(np.log1p(self.tie)) if self.log else self.tie

    def utility(self, value: float) -> float:
        """Return ``value`` on a scale where more is better and differences count.

        Raises:
            ComparisonError: A value that is not positive, where ratios count.
        """
        if self.log and value <= 0.0:
            raise ComparisonError(
                f"objective {self.metric!r} compares ratios and needs positive values; got {value}"
            )
        scaled = float(np.log(value)) if self.log else value
        return scaled if self.maximise else -scaled

    def of(self, trial: Trial) -> float:
        """Return the utility of what ``trial`` measured; see ``utility``.

        Raises:
            KeyError: The trial has no such measurement.
        """
        return self.utility(trial.value(self.metric, self.split))


def comparable(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """Return the trials that take part: they succeeded and hold every metric, at one budget.

    Raises:
        ComparisonError: The trials that take part had different budgets, or no objective is given.
    """
    if not objectives:
        raise ComparisonError("expected at least one objective to compare trials by; got none")
    partners = [trial for trial in trials if _holds(trial, objectives)]
    if any(trial.proposal.budget != partners[0].proposal.budget for trial in partners):
        came = ", ".join(sorted({str(trial.proposal.budget) for trial in partners}))
        raise ComparisonError(
            f"only trials of equal budget are compared; got {came}: compare each budget by itself"
        )
    return partners


def dominates(a: Trial, b: Trial, objectives: Sequence[Objective]) -> bool:
    """Return whether ``a`` is not worse in any objective and better in one beyond its tie width.

    The relation is transitive and never holds both ways. Where one of the two does not take part,
    it does not hold.

    Raises:
        ComparisonError: The two had different budgets.
    """
    pair = comparable([a, b], objectives)
    if len(pair) < 2:
        return False
    rows = _utilities(pair, objectives)
    return bool(_dominated(rows[1:], rows[:1], _ties(objectives))[0])


def front(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """Return the trials that no other dominates, in the order in which they came.

    Trials with equal values stay together.

    Raises:
        ComparisonError: The trials had different budgets.
    """
    partners = comparable(trials, objectives)
    kept = _front_mask(_utilities(partners, objectives), objectives)
    return [trial for trial, keep in zip(partners, kept, strict=True) if keep]


def plausible(
    trials: Sequence[Trial], objectives: Sequence[Objective], merit: Objective
) -> list[Trial]:
    """Return the trials that no other is known to beat, in the order in which they came.

    One is known to be beaten where another is better in ``merit`` by more than its tie width, and
    not worse in any objective. A lower cost alone proves nothing: within the tie width the dearer
    one may be the more accurate.

    Raises:
        ComparisonError: The trials had different budgets.
    """
    partners = comparable(trials, objectives)
    if not partners:
        return []
    rows = _utilities(partners, objectives)
    ties = np.array([o.utility_tie if o == merit else np.inf for o in objectives])
    beaten = _dominated(rows, _plain_front(rows), ties)
    return list(compress(partners, ~beaten))


class GrowingFront:
    """The front of trials that are handed in one by one, in any order.

    What is dominated stays so, and something on the front dominates it: a new trial has to be
    compared with the front alone.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        """Begin without a trial."""
        self.members: list[Trial] = []
        """The front so far, in the order of the trials' numbers."""
        self._objectives = tuple(objectives)
        self._rows = np.zeros((0, len(self._objectives)))

    def add(self, trial: Trial) -> None:
        """Take in a trial; one that does not take part changes nothing.

        Raises:
            ComparisonError: It had another budget than those before.
        """
        if not _holds(trial, self._objectives):
            return
        if self.members and self.members[0].proposal.budget != trial.proposal.budget:
            comparable([self.members[0], trial], self._objectives)  # says why not
        row = _utilities([trial], self._objectives)
        if _dominated(row, self._rows, _ties(self._objectives))[0]:
            return
        kept = ~_dominated(self._rows, row, _ties(self._objectives))
        members = [member for member, keep in zip(self.members, kept, strict=True) if keep]
        at = sum(member.number < trial.number for member in members)
        self.members = [*members[:at], trial, *members[at:]]
        self._rows = np.insert(self._rows[kept], at, row[0], axis=0)


def pareto_ranks(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[int | None]:
    """Return the rank of each trial: 0 on the front, 1 on the front of the rest, and so on.

    Returns:
        One entry per trial of ``trials``; None for those that do not take part.

    Raises:
        ComparisonError: The trials had different budgets.
    """
    partners = comparable(trials, objectives)
    rows = _utilities(partners, objectives)
    ranks = np.zeros(len(partners), dtype=np.int64)
    left = np.arange(len(partners))
    rank = 0
    while left.size:
        kept = _front_mask(rows[left], objectives)
        ranks[left[kept]] = rank
        left = left[~kept]
        rank += 1
    by_number = {trial.number: int(r) for trial, r in zip(partners, ranks, strict=True)}
    return [by_number.get(trial.number) for trial in trials]


def hypervolume(
    trials: Sequence[Trial], objectives: Sequence[Objective], reference: Sequence[float]
) -> float:
    """Return the volume that the trials dominate, up to ``reference``; ties play no part.

    Args:
        trials: Trials of one budget.
        objectives: The axes; one with ``log`` counts in natural logarithms.
        reference: The worst corner, one value per objective, each in its metric's own unit.

    Raises:
        ComparisonError: The trials had different budgets, or ``reference`` is of another length.
    """
    if len(reference) != len(objectives):
        raise ComparisonError(
            f"expected one reference value per objective, {len(objectives)}; got {len(reference)}"
        )
    partners = comparable(trials, objectives)
    if not partners:
        return 0.0
    corner = [o.utility(value) for o, value in zip(objectives, reference, strict=True)]
    return float(moocore.hypervolume(_utilities(partners, objectives), ref=corner, maximise=True))


def spread_along(trials: Sequence[Trial], objective: Objective, count: int) -> list[Trial]:
    """Return ``count`` trials spread evenly along the objective, in rising order of its value.

    Both ends are kept; between them the trial nearest to each evenly spaced mark is taken, in
    logarithms where the objective says so. One trial alone is the one nearest to the middle. Nobody
    is called better here, so budgets may differ.
    """
    partners = [trial for trial in trials if _holds(trial, [objective])]
    sign = 1.0 if objective.maximise else -1.0
    places = {t.number: sign * objective.of(t) for t in partners}
    ordered = sorted(partners, key=lambda trial: (_value(trial, objective), trial.number))
    if len(ordered) <= count:
        return ordered
    low, high = places[ordered[0].number], places[ordered[-1].number]
    marks = [(low + high) / 2] if count == 1 else list(np.linspace(low, high, max(count, 0)))
    chosen = {ordered[0].number, ordered[-1].number} if count > 1 else set[int]()
    for mark in marks[1:-1] if count > 1 else marks:
        free = [trial for trial in ordered if trial.number not in chosen]
        closest = min(free, key=lambda trial: abs(places[trial.number] - mark))
        chosen.add(closest.number)
    return [trial for trial in ordered if trial.number in chosen]


def _holds(trial: Trial, objectives: Sequence[Objective]) -> bool:
    return trial.succeeded and all(
        trial.measurement(o.metric, o.split) is not None for o in objectives
    )


def _value(trial: Trial, objective: Objective) -> float:
    return trial.value(objective.metric, objective.split)


def _utilities(trials: Sequence[Trial], objectives: Sequence[Objective]) -> _Utilities:
    """Return one row per trial and one column per objective, each the more the better."""
    rows = [[o.of(trial) for o in objectives] for trial in trials]
    return np.array(rows, dtype=np.float64).reshape(len(trials), len(objectives))


def _front_mask(rows: _Utilities, objectives: Sequence[Objective]) -> NDArray[np.bool_]:
    """Return which rows no other dominates.

    Whatever dominates a row is itself matched or exceeded by a member of the plain front (tie
    width 0), which then dominates the row too. So only those members have to be compared.
    """
    if not len(rows):
        return np.zeros(0, dtype=np.bool_)
    return ~_dominated(rows, _plain_front(rows), _ties(objectives))


def _plain_front(rows: _Utilities) -> _Utilities:
    return rows[moocore.is_nondominated(rows, maximise=True)]


def _ties(objectives: Sequence[Objective]) -> NDArray[np.float64]:
    return np.array([o.utility_tie for o in objectives])


def _dominated(rows: _Utilities, by: _Utilities, ties: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each row of ``rows`` whether some row of ``by`` dominates it."""
    gain = by[None, :, :] - rows[:, None, :]
    return np.any(np.all(gain >= 0.0, axis=2) & np.any(gain > ties, axis=2), axis=1)
