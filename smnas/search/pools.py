"""Trials that are compared with each other, and what the candidates of a stage have used."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import fsum

from smnas.arch import DetectorArch
from smnas.search.partial_order_pruning import PartialOrder
from smnas.trial.front import GrowingFront, Objective
from smnas.trial.repeats import with_means
from smnas.trial.trial import Trial


class Pool:
    """Trials of one budget and their front, kept up as outcomes come.

    Trainings of one arch that differ in the seed stand on the front as one, with their means.
    """

    def __init__(self, objectives: Sequence[Objective], order: PartialOrder | None = None) -> None:
        """Begin without a trial.

        Args:
            objectives: What the front is taken over.
            order: Where partial order pruning looks, kept up too.
        """
        self.objectives = tuple(objectives)
        self.order = order
        self.finished = 0
        """Archs that have been trained."""
        self._front = GrowingFront(objectives)
        self._by_arch: dict[DetectorArch, list[Trial]] = {}

    @property
    def front(self) -> list[Trial]:
        """What no finished trial dominates, in the order in which they were proposed."""
        return self._front.members

    def finish(self, trial: Trial) -> None:
        """Take in one of its trials, with its outcome; one without numbers changes nothing."""
        if not trial.succeeded:
            return
        equals = self._by_arch.setdefault(trial.proposal.arch, [])
        equals.append(trial)
        if self.order is not None:
            self.order.add(trial)
        if len(equals) == 1:
            self.finished += 1
            self._front.add(trial)
            return
        equals.sort(key=lambda item: item.number)
        self._front = GrowingFront(self.objectives)
        for trials in self._by_arch.values():
            self._front.add(with_means(trials))


@dataclass
class Spent:
    """What the candidates of a stage have used."""

    trials: int = 0
    """Trained, failed or running."""
    epochs: Fraction = Fraction(0)
    """Of these; one that continues another counts what it adds, and a rung its cooldown."""
    refused: int = 0
    """Kept from training: unfit, or pruned."""
    seconds: list[float] = field(default_factory=list[float])

    @property
    def total_seconds(self) -> float:
        """The exact sum, in whatever order they came."""
        return fsum(self.seconds)
