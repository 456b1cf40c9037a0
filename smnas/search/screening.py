"""Which of many offspring is worth a training: the chance to move the front per predicted second.

An ensemble learns accuracy, costs and seconds from all that has been trained: both stages, all
rungs, the rung being a feature. It is fitted again when the archive has grown by a tenth, so that
fitting takes a vanishing share of a long search.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smnas.arch import DetectorArch
from smnas.search.ensemble import Ensemble
from smnas.search.features import describe_arch, describe_budget
from smnas.seeding import generator
from smnas.trial.budget import Budget
from smnas.trial.front import Objective
from smnas.trial.trial import Trial

MEMBERS = 16
_REMEMBERED = 20_000
GROWTH = 1.1
"""The archive grows so many times larger between two fits, or by one trial."""

Floats = NDArray[np.float64]


class Screen:
    """Judges offspring by what the finished trials among the first ones of an archive show."""

    def __init__(
        self, objectives: Sequence[Objective], seed: int, fewest: int, *, macs_alone: bool
    ) -> None:
        """Begin without a trial.

        Args:
            objectives: All that is predicted; those that offspring are judged by are among them.
            seed: What fitting draws from.
            fewest: Finished trials that it takes to judge at all.
            macs_alone: Whether multiply-adds are all that is told of an arch.
        """
        self._objectives, self._seed = tuple(objectives), seed
        self._fewest, self._macs_alone = fewest, macs_alone
        self._rows: dict[int, tuple[Floats, Floats]] = {}
        """Features and outputs by trial number."""
        self._numbers: list[int] = []
        """The keys of ``_rows``, in rising order."""
        self._fitted: tuple[tuple[int, int], Ensemble] | None = None
        self._asked: tuple[tuple[int, int], Ensemble | None] | None = None
        """The last answer, which holds until another mark is reached or a trial finishes."""
        self._described: dict[DetectorArch, Floats] = {}
        """Offspring come again and again; those of a while ago are forgotten."""

    def add(self, trial: Trial, epochs: float) -> None:
        """Take in a finished trial, which has all objectives and trained for ``epochs``."""
        outputs = [objective.of(trial) for objective in self._objectives]
        seconds = trial.outcome.seconds if trial.outcome else 0.0
        outputs.append(float(np.log(max(seconds, 1e-6) / epochs)))
        proposal = trial.proposal
        features = np.append(self._describe(proposal.arch), describe_budget(proposal.budget))
        if trial.number not in self._rows:
            insort(self._numbers, trial.number)
        self._rows[trial.number] = features, np.array(outputs)

    def is_ready(self, begun: int) -> bool:
        """Return whether it can judge when the archive has so many trials."""
        return self._model(begun) is not None

    def score(
        self,
        offspring: Sequence[DetectorArch],
        budget: Budget,
        front: Sequence[Trial],
        objectives: Sequence[Objective],
        begun: int,
        running: Sequence[DetectorArch] = (),
    ) -> list[tuple[float, float]] | None:
        """Return how promising each of the offspring is, the higher the better; None: too early.

        Args:
            offspring: What to judge.
            budget: What it is judged at: that of ``front``.
            front: What there is to move.
            objectives: By which.
            begun: How many trials the archive has; the fit is that of a smaller, fixed number.
            running: What is on its way. Each member of the ensemble takes it to come out as it
                predicts, so that several slots do not all try the same.
        """
        model = self._model(begun)
        if model is None:
            return None
        told_AF = np.stack([self._describe(arch) for arch in (*offspring, *running)])
        budget_AF = np.tile(describe_budget(budget), (len(told_AF), 1))
        outputs_KAO = model.predict(np.hstack([told_AF, budget_AF]))
        outputs_KNO = outputs_KAO[:, : len(offspring)]
        columns = [self._objectives.index(objective) for objective in objectives]
        rows = [[o.of(trial) for o in objectives] for trial in front]
        front_FM = np.array(rows, dtype=np.float64).reshape(len(front), len(objectives))
        ties = np.array([o.utility_tie for o in objectives])
        known_KFM = np.tile(front_FM, (len(outputs_KAO), 1, 1))
        running_KRM = outputs_KAO[:, len(offspring) :, columns]
        rivals_KFM = np.concatenate([known_KFM, running_KRM], axis=1)
        # How far beyond one of them in the objective where it is beyond most.
        beyond_KNF = np.max(outputs_KNO[:, :, None, columns] - rivals_KFM[:, None] - ties, axis=3)
        margin_KN = beyond_KNF.min(axis=2, initial=np.inf)
        chance_N = (margin_KN > 0).mean(axis=0)
        seconds_N = np.exp(outputs_KNO[:, :, -1].mean(axis=0))
        worth_N, margin_N = chance_N / seconds_N, margin_KN.mean(axis=0)  # margins decide ties
        return list(zip(worth_N.tolist(), margin_N.tolist(), strict=True))

    def _describe(self, arch: DetectorArch) -> Floats:
        found = self._described.get(arch)
        if found is None:
            if len(self._described) >= _REMEMBERED:
                self._described.clear()
            numbers = describe_arch(arch)
            found = self._described[arch] = numbers[:1] if self._macs_alone else numbers
        return found

    def _model(self, begun: int) -> Ensemble | None:
        """Return the ensemble of the finished trials with numbers below the last mark."""
        mark = last_mark(begun, self._fewest)
        if self._asked is not None and self._asked[0] == (mark, len(self._rows)):
            return self._asked[1]
        model = self._fit(mark)
        self._asked = (mark, len(self._rows)), model
        return model

    def _fit(self, mark: int) -> Ensemble | None:
        count = bisect_left(self._numbers, mark)
        if count < self._fewest:
            return None
        key = mark, count
        if self._fitted is None or self._fitted[0] != key:
            rows = [self._rows[number] for number in self._numbers[:count]]
            features, outputs = (np.stack(column) for column in zip(*rows, strict=True))
            rng = generator(self._seed, "screen", *key)
            self._fitted = key, Ensemble.fit(features, outputs, MEMBERS, rng)
        return self._fitted[1]


def last_mark(count: int, first: int) -> int:
    """Return the last of the growing marks ``first``, ... that is at most ``count``, or 0.

    >>> [last_mark(count, 20) for count in (19, 20, 21, 22, 23, 25)]
    [0, 20, 20, 22, 22, 24]
    """
    mark, following = 0, first
    while following <= count:
        mark, following = following, max(following + 1, int(following * GROWTH))
    return mark
