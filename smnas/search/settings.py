"""How much a search may try, how it divides that, and how small a difference means nothing."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smnas.arch.parts import Norm
from smnas.trial.budget import Budget
from smnas.trial.front import Objective

MAX_FINALS = 8
TieWidth = Annotated[float, Field(ge=0.0, lt=1.0)]


class SearchSettings(BaseModel):
    """What ``SmNas`` is told. ``trials`` may grow between two calls; the rest stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: Annotated[int, Field(ge=1)]
    """Candidates over both stages; finals and yardstick come on top."""
    seconds: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Recorded seconds of candidates after which no further one is proposed."""
    stage_one_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6
    """Share of ``trials`` and of ``seconds`` that stage one may use."""
    seeds: Annotated[int, Field(ge=1)] = 6
    """Structures drawn at random before the first mutation."""
    random_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """Chance that a later proposal is drawn at random and not mutated from the front."""
    groups: Annotated[int, Field(ge=1)] = 3
    """Structures of the stage-one front that stage two searches around, at most."""
    finals: Annotated[int, Field(ge=1, le=MAX_FINALS)] = 5
    """Members of the front that get the final training, at most."""
    stage_one: Budget
    stage_two: Budget
    final: Budget
    final_norm: Norm = "bn"
    """Norm of the finals; the paper ships BN (paper.md 4.4)."""
    ap_tie: TieWidth = 0.005
    """Difference in AP (0-1) up to which two detectors are equally accurate."""
    latency_tie: TieWidth = 0.03
    """Relative difference in milliseconds up to which two detectors are equally fast."""
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _both_stages_get_something(self) -> Self:
        if not 1 <= self.stage_one_trials <= self.trials:
            raise ValueError(
                f"stage_one_share leaves stage one {self.stage_one_trials} of {self.trials} trials;"
                " expected at least 1: raise one of them"
            )
        return self

    @property
    def stage_one_trials(self) -> int:
        """Candidates that stage one may use."""
        return round(self.trials * self.stage_one_share)

    @property
    def ap(self) -> Objective:
        """Accuracy on the validation split."""
        return Objective(metric="ap", maximise=True, tie=self.ap_tie)

    @property
    def latency(self) -> Objective:
        """Measured time as deployed: the cost in stage one and for the finals (paper.md 1.2)."""
        return Objective(metric="latency_ms", maximise=False, tie=self.latency_tie, log=True)

    @property
    def macs(self) -> Objective:
        """Counted cost as deployed, exact: the cost in stage two (paper.md 2.5)."""
        return Objective(metric="macs_g", maximise=False, log=True)
