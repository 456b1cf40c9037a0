"""The parts of the search that can be switched off one by one, each in a file of its own."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class SearchParts(BaseModel):
    """How ``SmNas`` makes its proposals. ``PLAIN`` is the paper's form."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rungs: Annotated[int, Field(ge=1, le=6)] = 1
    """Steps in which a training can be cut short; 1 trains every candidate to the end."""
    eta: Annotated[int, Field(ge=2, le=16)] = 3
    """Each rung is so many times as long as the one below, and about one in so many goes up."""
    start: Literal["stratified", "spread", "random"] = "stratified"
    """``stratified`` by multiply-adds and family of heads, known detectors included; ``spread``
    over inputs, backbones and heads; or ``random``."""
    parents: Literal["sparse", "any"] = "sparse"
    """Members of the front from its sparse regions in log cost, or any."""
    screening: Literal["ensemble", "macs", "none"] = "ensemble"
    """What judges many offspring, of which one is proposed: an ensemble over the whole archive, the
    same over multiply-adds alone, or nothing."""
    screen_from: Annotated[int, Field(ge=2)] = 10
    """Finished candidates before which nothing is screened."""
    offspring: Annotated[int, Field(ge=1, le=4096)] = 64
    """Offspring that are screened for a proposal."""
    unscreened_share: Share = 0.2
    """Chance that the first offspring is proposed unseen."""
    allocation: Literal["gain", "share"] = "share"
    """Whether the budget goes to stage one or a group by hypervolume gained per epoch, once stage
    one has had half of its share; or stage one has its share first."""
    pruning: bool = True
    """Whether partial order pruning spares trainings."""
    spared_share: Share = 0.1
    """Chance that what would be pruned is trained all the same, to check the rule."""
    repeat_share: Share = 0.0
    """Share of the epochs that second seeds of near-ties on the front may use; 0 trains none."""


PLAIN = SearchParts(
    start="random", parents="any", screening="none", pruning=False, allocation="share"
)
"""Random seeds, then mutations of any member of the front, all at a fixed budget (paper.md 3.1)."""
