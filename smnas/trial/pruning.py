"""What partial order pruning says of a proposal, so that it can be checked before the training."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from smnas.trial.measurement import Measurement, predicted

TrialNumber = Annotated[int, Field(ge=0)]


class PruneRule(BaseModel):
    """Two trials after which a proposal is not worth its training, if it costs enough.

    It is shallower or narrower than ``larger``, and so expected to be no more accurate; ``better``
    was more accurate than that. If the proposal costs at least what ``better`` costs, it cannot
    move the front (Partial Order Pruning; paper.md 3.2).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    larger: TrialNumber
    """Number of the trial that the proposal precedes: the paper's w."""
    better: TrialNumber
    """Number of the cheapest trial that is more accurate than that: the paper's y_w."""
    metric: str
    """The cost: multiply-adds in stage two, time in stage one."""
    limit: FiniteFloat
    """What ``better`` costs: the proposal is pruned from here on."""
    merit: str
    bound: FiniteFloat
    """How accurate ``better`` is. A spared proposal that costs enough and exceeds this shows the
    rule to be wrong."""
    spared: bool = False
    """Whether it is trained all the same, to find out how often the rule is wrong."""

    def applies(self, measurements: Iterable[Measurement]) -> bool:
        """Return whether the measured cost reaches the limit."""
        return any(m.metric == self.metric and m.value >= self.limit for m in measurements)

    def prunes(self, measurements: Iterable[Measurement]) -> bool:
        """Return whether a proposal with this cost is not to be trained."""
        return not self.spared and self.applies(measurements)

    def likely_prunes(self, predictions: Iterable[Measurement]) -> bool:
        """Return whether it is going to: all that the cost is expected to be reaches the limit."""
        return not self.spared and any(
            item.metric == predicted(self.metric)
            and item.interval is not None
            and item.interval[0] >= self.limit
            for item in predictions
        )

    @property
    def reason(self) -> str:
        """Why a pruned proposal was not trained, in words."""
        return (
            f"shallower or narrower than trial {self.larger}, and its {self.metric} is not below "
            f"the {self.limit:.4g} of trial {self.better}, which is more accurate than that one"
        )
