"""How every member of the closed table is trained: data, budget, rungs and recipe.

Settled before the first member was trained, by the studies of `from_scratch.py`.
"""

from smnas.data.transforms import Augmentation
from smnas.search.rungs import ladder
from smnas.training.recipe import OptimizerSettings, Recipe
from smnas.trial.budget import Budget

DATA = {
    "scenes": "scenes:easy,train=250,val=250,test=250,size=96",
    "trees": "trees",
}
TOP = Budget(epochs=9)
RUNGS = ladder(TOP, rungs=3, eta=3)
RECIPE = Recipe(
    optimizer=OptimizerSettings(learning_rate=6e-3),
    augmentation=Augmentation(zoom=(1.0, 1.0), brightness=0.0, contrast=0.0),
)
"""The default one but for a higher rate, and flips alone: so short a training has no use for more
augmentation."""
