"""What was tried and what came of it. Proposals and outcomes travel between processes as JSON."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smnas.arch import DetectorArch
from smnas.trial.budget import Budget
from smnas.trial.measurement import Measurement, Split
from smnas.trial.pruning import PruneRule

Stage = Literal[1, 2, "final", "yardstick"]
FailureStage = Literal[
    "constraint", "pruning", "build", "training", "measuring", "writing", "memory"
]
"""Where a trial ended. ``constraint``: it was counted or timed, found unfit, and not trained;
``pruning``: found not worth a training (see ``PruneRule``); ``memory``: it does not fit, not even
with its batches in parts."""
_REFUSALS = ("constraint", "pruning")


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Origin(_Value):
    """Where an arch came from: drawn at random, mutated from a trial, or given."""

    operator: str
    """``sample``, the name of a mutation, ``final``, or ``yardstick``."""
    parent: int | None = None
    """Number of the trial that it was made from."""
    group: int | None = None
    """In stage two and later: number of the stage-one trial whose structure it searches."""


class Proposal(_Value):
    """What to try: an arch, where it came from, the budget to spend, and the seed."""

    arch: DetectorArch
    stage: Stage
    origin: Origin
    budget: Budget
    seed: Annotated[int, Field(ge=0)]
    """Seed of the training, derived from the run's seed, the arch and the schedule."""
    continues: Annotated[int, Field(ge=0)] | None = None
    """Number of the trial whose training it goes on with: the same one, at a lower rung."""
    pruning: PruneRule | None = None
    """What makes it not worth a training, if it costs too much for that."""

    @property
    def is_candidate(self) -> bool:
        """Whether it counts as a candidate of the search: not the yardstick, not a final."""
        return self.stage in (1, 2)


class Failure(_Value):
    """Why a trial has no numbers: where it failed, and the reason in words."""

    stage: FailureStage
    reason: str


class Outcome(_Value):
    """The measurements of one proposal, or a failure with stage and reason.

    Both only where it was refused: for what was measured before the training.
    """

    measurements: tuple[Measurement, ...] = ()
    failure: Failure | None = None
    weights: str | None = None
    """Path of the weights file, relative to the run folder."""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Wall-clock seconds that the trial took."""

    @model_validator(mode="after")
    def _numbers_or_failure(self) -> Self:
        refused = self.failure is not None and self.failure.stage in _REFUSALS
        if (self.failure is None or refused) != bool(self.measurements):
            raise ValueError(
                "expected measurements or a failure, and both for a constraint or pruning only"
            )
        return self


class Trial(_Value):
    """A proposal under its number, and its outcome once there is one."""

    number: Annotated[int, Field(ge=0)]
    proposal: Proposal
    outcome: Outcome | None = None
    later: tuple[Measurement, ...] = ()
    """What was learned after the outcome, such as the AP on the test split."""

    @property
    def succeeded(self) -> bool:
        """Whether it finished with measurements."""
        return self.outcome is not None and self.outcome.failure is None

    @property
    def refused(self) -> bool:
        """Whether it was measured and not trained: unfit, or pruned. It has neither failed."""
        failure = self.outcome.failure if self.outcome else None
        return failure is not None and failure.stage in _REFUSALS

    @property
    def pruned(self) -> bool:
        """Whether it was refused as not worth a training (see ``PruneRule``)."""
        failure = self.outcome.failure if self.outcome else None
        return failure is not None and failure.stage == "pruning"

    @property
    def infeasible(self) -> bool:
        """Whether its network was found too large for the memory there is."""
        failure = self.outcome.failure if self.outcome else None
        return failure is not None and failure.stage == "memory"

    @property
    def failed(self) -> bool:
        """Whether it was to be trained and has no numbers."""
        return self.outcome is not None and not self.succeeded and not self.refused

    def measurement(self, metric: str, split: Split = "val") -> Measurement | None:
        """Return the latest measurement of ``metric``, or None.

        Accuracies are looked up on ``split``; times and counts have none.
        """
        first = self.outcome.measurements if self.outcome else ()
        for item in reversed(first + self.later):
            if item.metric == metric and getattr(item.protocol, "split", split) == split:
                return item
        return None

    def value(self, metric: str, split: Split = "val") -> float:
        """Return the value of ``metric``.

        Raises:
            KeyError: The trial has no such measurement.
        """
        found = self.measurement(metric, split)
        if found is None:
            raise KeyError(f"trial {self.number} has no {metric!r} on {split!r}")
        return found.value
