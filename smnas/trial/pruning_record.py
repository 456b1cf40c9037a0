"""How partial order pruning has done so far: what it saved, and how often it was wrong."""

from collections.abc import Iterable
from dataclasses import dataclass

from smnas.trial.trial import Trial

WORST_ERROR_RATE = 0.1
"""Share of the spared proposals that prove the rule wrong above which it is not used any more."""


@dataclass(frozen=True)
class PruningRecord:
    """Counts over the trials of a run."""

    pruned: int
    """Proposals that were not trained."""
    spared: int
    """Proposals that would have been pruned and were trained all the same."""
    wrong: int
    """Of these, those that turned out better than the rule allows."""

    def __add__(self, other: "PruningRecord") -> "PruningRecord":
        """Return the record over the trials of both."""
        return PruningRecord(
            self.pruned + other.pruned, self.spared + other.spared, self.wrong + other.wrong
        )

    @property
    def error_rate(self) -> float | None:
        """Share of the spared ones that prove the rule wrong; None where there are none."""
        return self.wrong / self.spared if self.spared else None

    @property
    def is_trusted(self) -> bool:
        """Whether the rule is still used."""
        return self.wrong <= WORST_ERROR_RATE * self.spared

    @property
    def sentence(self) -> str:
        """The record in words."""
        said = f"Partial order pruning saved {self.pruned} trainings"
        if not self.spared:
            return f"{said}; none of what it prunes has been trained to check it."
        said += f"; of {self.spared} trained all the same, {self.wrong} proved it wrong"
        if self.is_trusted:
            return f"{said}."
        return f"{said}, more than {WORST_ERROR_RATE:.0%}, so it was switched off."


def pruning_record(trials: Iterable[Trial]) -> PruningRecord:
    """Return the record of the rule over ``trials``, in any order."""
    pruned = spared = wrong = 0
    for trial in trials:
        rule = trial.proposal.pruning
        if rule is None or trial.outcome is None:
            continue
        pruned += trial.pruned
        measured = trial.outcome.measurements
        if rule.spared and trial.succeeded and rule.applies(measured):
            spared += 1
            wrong += trial.value(rule.merit) > rule.bound
    return PruningRecord(pruned, spared, wrong)
