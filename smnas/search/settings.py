"""How much a search may try, how it divides that, and how small a difference means nothing."""

from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from smnas.arch.parts import Norm
from smnas.search.parts import SearchParts
from smnas.search.rungs import ladder
from smnas.trial.budget import Budget
from smnas.trial.front import Objective
from smnas.trial.metrics import (
    DEFAULT_OBJECTIVES,
    ObjectiveNames,
    find_metric,
    main_axes,
    make_objective,
)

MAX_FINALS = 8
PLATEAU_GAIN = 0.01
"""Share of the hypervolume; less than this is a plateau."""
TieWidth = Annotated[float, Field(ge=0.0, lt=1.0)]


def _read_norms(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(name.strip() for name in _BOTH.get(value, value).split(","))


def _check_norms(norms: tuple[Norm, ...]) -> tuple[Norm, ...]:
    if len(set(norms)) < len(norms):
        raise ValueError(f"expected each norm once; got {', '.join(norms)}")
    return norms


_BOTH = {"both": "bn,gn-ws"}
FinalNorms = Annotated[
    tuple[Norm, ...],
    Field(min_length=1),
    BeforeValidator(_read_norms),
    AfterValidator(_check_norms),
]
"""Norms that finals are trained with, each as a detector of its own; also as one text with commas
between them. ``both`` are the paper's two: ``bn``, which ships, and ``gn-ws``. Candidates count and
are timed with the first."""


class SearchSettings(BaseModel):
    """What ``SmNas`` is told. ``trials`` may grow between two calls; the rest stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: Annotated[int, Field(ge=1)]
    """Candidates over both stages, in whole trainings: what a rung cuts short counts for less.
    Finals and yardstick come on top."""
    seconds: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Recorded seconds of candidates after which no further one is proposed."""
    epochs: Annotated[int, Field(ge=1)] | None = None
    """Epochs of candidates after which no further one is proposed."""
    plateau: Annotated[int, Field(ge=2)] | None = None
    """A stage ends when so many whole trainings in a row have raised the hypervolume by less than
    ``PLATEAU_GAIN``; None goes on."""
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
    final_norms: FinalNorms = ("bn",)
    """Of the finals; the yardstick has the first. The paper ships BN (paper.md 4.4)."""
    objectives: ObjectiveNames = DEFAULT_OBJECTIVES
    """What the fronts of stage one and of the finals are taken over."""
    ap_tie: TieWidth = 0.005
    """Difference in AP (0-1) up to which two detectors are equally accurate."""
    latency_tie: TieWidth = 0.03
    """Relative difference in milliseconds up to which two detectors are equally fast."""
    population: Annotated[int, Field(ge=2)] = 16
    """Of the rivals that have one: NSGA-II's generation, and who is alive in evolution."""
    yardsticks: Annotated[int, Field(ge=1)] = 1
    """Known detectors that are trained beside the finals, of those that the space names."""
    parts: SearchParts = SearchParts()
    """How proposals are made."""
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
    def final_trainings(self) -> int:
        """Finals that are trained, at most: each with each norm."""
        return self.finals * len(self.final_norms)

    @property
    def stage_one_trials(self) -> int:
        """Candidates that stage one may use."""
        return round(self.trials * self.stage_one_share)

    def ladder(self, stage: int) -> tuple[Budget, ...]:
        """Return the budgets of the rungs of stage 1 or 2, lowest first."""
        top = self.stage_one if stage == 1 else self.stage_two
        return ladder(top, self.parts.rungs, self.parts.eta)

    def budgets_below_top(self, steps: int) -> list[Budget]:
        """Return the budgets so many rungs below the top: stage two's, and stage one's."""
        ladders = self.ladder(2), self.ladder(1)
        return [rungs[-1 - steps] for rungs in ladders if steps < len(rungs)]

    @property
    def stage_one_objectives(self) -> tuple[Objective, ...]:
        """Those of stage one and of the finals: AP and measured time (paper.md 1.2), or others."""
        return tuple(map(self._objective, self.objectives))

    @property
    def stage_two_objectives(self) -> tuple[Objective, ...]:
        """The accuracies that are wanted, and multiply-adds, which are exact (paper.md 2.5)."""
        return (*(o for o in self.stage_one_objectives if o.maximise), self.macs)

    @property
    def merit(self) -> Objective:
        """The accuracy that the best of several detectors is best in."""
        return main_axes(self.stage_one_objectives)[0]

    @property
    def cost(self) -> Objective:
        """What parents and groups are spread along, and finals are weighed by."""
        return main_axes(self.stage_one_objectives)[1]

    @property
    def macs(self) -> Objective:
        """Counted cost as deployed, along which the parents of stage two are spread."""
        return self._objective("macs_g")

    def _objective(self, metric: str) -> Objective:
        ties = {"accuracy": self.ap_tie, "time": self.latency_tie, "count": 0.0}
        return make_objective(metric, ties[find_metric(metric).kind])
