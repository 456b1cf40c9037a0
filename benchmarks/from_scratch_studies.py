"""What `from_scratch.py` trains: three studies, each a list of trainings with a label."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from table_members import draw_spread
from table_setting import RECIPE, SETTINGS
from training import Training

from smnas.data.transforms import Augmentation
from smnas.training.recipe import OptimizerSettings, Recipe, ScheduleSettings

Study = Literal["table-4", "recipe", "members"]

DATA = "scenes:easy,train=800,val=300,size=96"
EPOCHS = 4
"""400 steps at the default batch: steps are what small budgets lack (decision 0003)."""
STEM = "96x96/basicblock_16_1-21-21-21/fpn-p2-p4-32/none/retina/anchor-scale=3/convs=2"
BN, GN, GN_WS = (f"{STEM}{norm}/pre-nms=300" for norm in ("", "/norm=gn", "/norm=gn-ws"))
MEMBERS = 12
TABLE = SETTINGS["scenes"]

NORMS = {"bn": BN, "gn": GN, "gn_ws": GN_WS}
RATES = (0.03, 0.1, 0.3)
"""Of SGD at a batch of 16; the paper's 0.24 at 64 pictures is 0.06 there."""
BATCHES = (4, 16)


@dataclass(frozen=True)
class Case:
    """A training, and what it is in its study."""

    study: Study
    label: str
    training: Training


def sgd(rate: float) -> OptimizerSettings:
    """Return the paper's optimizer (paper.md 1.2) at another rate."""
    return OptimizerSettings(kind="sgd", learning_rate=rate, weight_decay=1e-4)


def table_4(seed: int) -> list[Case]:
    """Return the paper's ablation: three norms, each at three rates and two batch sizes."""
    return [
        Case(
            "table-4",
            f"{norm} rate={rate} batch={batch}",
            Training(
                arch=arch,
                data=DATA,
                epochs=EPOCHS,
                recipe=Recipe(optimizer=sgd(rate), batch=batch),
                seed=seed,
            ),
        )
        for norm, arch in NORMS.items()
        for rate in RATES
        for batch in BATCHES
    ]


def with_recipe(**changes: Any) -> dict[str, Any]:
    """Return a change of a training: its recipe with other fields."""
    return {"recipe": Recipe(**changes)}


STRONG = Augmentation(zoom=(0.6, 1.6), brightness=0.4, contrast=0.4)
WEAK = Augmentation(zoom=(1.0, 1.0), brightness=0.0, contrast=0.0)
FACTORS: dict[str, dict[str, Any]] = {
    # One change each from GN + WS and the defaults (AdamW 4e-3, batch 8, cosine, 10 % warm-up).
    "default": {},
    "rate=2e-3": with_recipe(optimizer=OptimizerSettings(learning_rate=2e-3)),
    "rate=8e-3": with_recipe(optimizer=OptimizerSettings(learning_rate=8e-3)),
    "optimizer=sgd-0.1": with_recipe(optimizer=sgd(0.1)),
    "weight-decay=0.05": with_recipe(optimizer=OptimizerSettings(weight_decay=0.05)),
    "batch=4": with_recipe(batch=4),
    "batch=16": with_recipe(batch=16),
    "warmup=0.03": with_recipe(schedule=ScheduleSettings(warmup_share=0.03)),
    "warmup=0.3": with_recipe(schedule=ScheduleSettings(warmup_share=0.3)),
    "schedule=to-a-tenth": with_recipe(schedule=ScheduleSettings(final_fraction=0.1)),
    "schedule=constant": with_recipe(schedule=ScheduleSettings(final_fraction=1.0)),
    "averaging=0.9": with_recipe(averaging=0.9),
    "averaging=0.98": with_recipe(averaging=0.98),
    "augmentation=weak": with_recipe(augmentation=WEAK),
    "augmentation=strong": with_recipe(augmentation=STRONG),
    "start=shortcuts": {"starts_as_shortcuts": True},
    # Five passes, three of them over less than half the positions.
    "small-first": {"epochs": 2, "small_epochs": 3, "small_input": 64},
    "norm=bn": {"arch": BN},
    "norm=gn": {"arch": GN},
}


def recipe_factors(seed: int) -> list[Case]:
    """Return one training for each change of one factor."""
    plain = Training(arch=GN_WS, data=DATA, epochs=EPOCHS, seed=seed)
    return [Case("recipe", label, replace(plain, **change)) for label, change in FACTORS.items()]


def combined(labels: Iterable[str], seed: int) -> Case:
    """Return the training that makes several changes at once, each of another factor."""
    chosen = sorted(labels)
    fields: dict[str, Any] = {"arch": GN_WS, "data": DATA, "epochs": EPOCHS, "seed": seed}
    recipe: dict[str, Any] = {}
    for label in chosen:
        change = dict(FACTORS[label])
        changed = change.pop("recipe", None)
        fields |= change
        if changed is not None:
            recipe = merge(recipe, changed.model_dump(exclude_defaults=True))
    training = Training(recipe=Recipe.model_validate(recipe), **fields)
    return Case("recipe", " + ".join(chosen), training)


def merge(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return both, nested values joined field by field."""
    joined = dict(first)
    for name, value in second.items():
        both = isinstance(value, dict) and isinstance(joined.get(name), dict)
        joined[name] = merge(joined[name], value) if both else value
    return joined


def member_study(seed: int, budgets: Sequence[int] = (1, 2)) -> list[Case]:
    """Return trainings of members of the closed table as there, at the budget and at twice it."""
    return [
        Case(
            "members",
            f"{arch} budget={budget}",
            Training(
                arch=arch,
                data=TABLE.data,
                epochs=budget * TABLE.top.epochs,
                recipe=RECIPE,
                seed=seed,
            ),
        )
        for budget in budgets
        for arch in draw_spread(MEMBERS)
    ]
