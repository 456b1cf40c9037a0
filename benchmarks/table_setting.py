"""How every member of the closed tables is trained: data, budget, rungs and recipe.

Settled before the first member was trained, by the studies of `from_scratch.py`. The second table
has what the first has, but for its data.
"""

from dataclasses import dataclass

from smnas.data.transforms import Augmentation
from smnas.search.rungs import ladder
from smnas.training.recipe import OptimizerSettings, Recipe
from smnas.trial.budget import Budget


@dataclass(frozen=True)
class Setting:
    """One table's data, and how long its members learn."""

    data: str
    top: Budget

    @property
    def rungs(self) -> tuple[Budget, ...]:
        """Where a training is judged, lowest first."""
        return ladder(self.top, rungs=3, eta=3)


SETTINGS = {
    "scenes": Setting("scenes:easy,train=250,val=250,test=250,size=96", Budget(epochs=9)),
    "trees": Setting("trees", Budget(epochs=6)),
}
"""About 300 steps at the default batch, on either."""
RECIPE = Recipe(
    optimizer=OptimizerSettings(learning_rate=6e-3),
    augmentation=Augmentation(zoom=(1.0, 1.0), brightness=0.0, contrast=0.0),
)
"""The default one but for a higher rate, and flips alone: so short a training has no use for more
augmentation."""
