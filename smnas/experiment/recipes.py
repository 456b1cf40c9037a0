"""The recipes of a search: one for all of it, or one for each part as the paper has them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from smnas.detector.loss_settings import LossSettings
from smnas.errors import ConfigError, nearest
from smnas.training.recipe import (
    IMAGENET,
    REFERENCE_BATCH,
    OptimizerSettings,
    Recipe,
    ScheduleSettings,
)
from smnas.trial.budget import Budget
from smnas.trial.trial import Proposal

FIELDS = ("recipe", "recipe_stage_two", "recipe_final")
"""Where ``SearchConfig`` holds them."""


class Recipes(BaseModel):
    """How the trials of each part of a search are trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage_one: Recipe
    stage_two: Recipe
    final: Recipe

    @classmethod
    def alike(cls, recipe: Recipe) -> Self:
        """Return one recipe for every trial."""
        return cls(stage_one=recipe, stage_two=recipe, final=recipe)

    @property
    def all(self) -> tuple[Recipe, ...]:
        """The recipes, each once."""
        parts = (self.stage_one, self.stage_two, self.final)
        return tuple(recipe for at, recipe in enumerate(parts) if recipe not in parts[:at])

    def of(self, proposal: Proposal, final_budget: Budget) -> Recipe:
        """Return the recipe of a trial: that of its stage, or of what it stands beside."""
        if proposal.is_candidate:
            return self.stage_two if proposal.stage == 2 else self.stage_one
        return self.final if proposal.budget == final_budget else self.stage_one

    @property
    def largest_zoom(self) -> float:
        """The greatest enlargement that a training picture is shown at."""
        return max(recipe.augmentation.zoom[1] for recipe in self.all)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of initial weights, each once."""
        starts = (recipe.initial_weights for recipe in self.all)
        return tuple(dict.fromkeys(start for start in starts if isinstance(start, Path)))

    def with_files(self, move: Callable[[Path], Path]) -> Self:
        """Return the recipes with each file of initial weights where ``move`` says."""
        moved: dict[str, Recipe] = {}
        for name in type(self).model_fields:
            recipe = getattr(self, name)
            if isinstance(recipe.initial_weights, Path):
                start = move(recipe.initial_weights)
                moved[name] = recipe.model_copy(update={"initial_weights": start})
        return self.model_copy(update=moved)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is told of recipes that differ from part to part."""
        if len(self.all) == 1:
            return ()
        parts = ("stage one", self.stage_one), ("stage two", self.stage_two), ("finals", self.final)
        found = tuple(f"{name}: {_describe(recipe)}" for name, recipe in parts)
        if self.final.initial_weights != IMAGENET:
            return found
        return (
            *found,
            "finals of stage two start at random: of backbones by code there are no ImageNet "
            "weights (the paper trained its own)",
        )


def _describe(recipe: Recipe) -> str:
    schedule, peak = recipe.schedule, recipe.peak_learning_rate
    course = (
        f"divided by 10 after {', '.join(f'{100 * drop:.3g} %' for drop in schedule.drops)}"
        if schedule.drops
        else f"along a cosine to {peak * schedule.final_fraction:.3g}"
    )
    start = "from scratch" if recipe.initial_weights is None else f"from {recipe.initial_weights}"
    return f"{recipe.optimizer.kind} at {peak:.3g} for batches of {recipe.batch}, {course}; {start}"


_COCO_PICTURES = 118_287
_WARMUP_STEPS = 500


def _warmup(epochs: int, batch: int) -> float:
    """Return the share of 500 steps on COCO, as mmdetection warms up, which the paper builds on."""
    return _WARMUP_STEPS * batch / (epochs * _COCO_PICTURES)


def _published(rate: float, batch: int, schedule: ScheduleSettings, **changes: Any) -> Recipe:
    sgd = OptimizerSettings(
        kind="sgd",
        learning_rate=rate * REFERENCE_BATCH / batch,
        momentum=0.9,
        weight_decay=1e-4,
        clip_norm=35.0,
    )
    plain: dict[str, Any] = {
        "batch": batch,
        "optimizer": sgd,
        "schedule": schedule,
        "losses": LossSettings(),
        "augmentation": {"zoom": (1.0, 1.0), "brightness": 0.0, "contrast": 0.0},
    }
    return Recipe.model_validate({**plain, **changes})


_PRETRAINED = {"initial_weights": IMAGENET, "frozen_batch_norm": True}
PAPER = Recipes(
    stage_one=_published(
        0.04,
        32,
        ScheduleSettings(warmup_share=_warmup(5, 32), final_fraction=0.0001 / 0.04),
        **_PRETRAINED,
    ),
    stage_two=_published(
        0.24, 64, ScheduleSettings(warmup_share=_warmup(9, 64), final_fraction=0.0001 / 0.24)
    ),
    final=_published(
        0.04,
        32,
        ScheduleSettings(warmup_share=_warmup(24, 32), drops=(16 / 24, 22 / 24)),
        augmentation={"brightness": 0.0, "contrast": 0.0},
        **_PRETRAINED,
    ),
)
"""SM-NAS as published (paper.md 1.2, 2.5, 4.4): SGD, momentum 0.9, weight decay 1e-4.

Rates hold for 8 GPUs with 4 pictures each, in stage two 8, and follow the batch. What the paper
does not say is as in mmdetection, which it builds on: warm-up, gradients clipped at 35, pretrained
batch norms that keep their statistics, drops after 16 and 22 of 24 epochs. Its jitter of scales, of
unknown range, is ours.
"""

RECIPES: dict[str, dict[str, Any]] = {
    "small": {"recipe": Recipe(), "recipe_stage_two": None, "recipe_final": None},
    "paper": {
        "recipe": PAPER.stage_one,
        "recipe_stage_two": PAPER.stage_two,
        "recipe_final": PAPER.final,
        "budgets": {
            "stage_one": {"epochs": 5},
            "stage_two": {"epochs": 9},
            "final": {"epochs": 24},
        },
        "final_norm": "bn",
    },
}
"""What a recipe's name sets of a ``SearchConfig``; budgets and norm where nothing else is said."""


def named_recipe(name: str) -> dict[str, Any]:
    """Return what the recipe called ``name`` sets, as plain JSON values.

    Raises:
        ConfigError: No such recipe.
    """
    if name not in RECIPES:
        raise ConfigError(f"recipe: {name!r} is none; {nearest(name, RECIPES)}")
    return {
        key: value.model_dump(mode="json") if isinstance(value, Recipe) else value
        for key, value in RECIPES[name].items()
    }


def with_start(settings: dict[str, Any], start: str) -> dict[str, Any]:
    """Return fields of a configuration whose trainings begin from ``start``.

    ``recipe`` always does, the others where they begin from weights at all. What a file holds is
    not known, so batch norms are not frozen because ImageNet's would be.
    """
    changed: dict[str, Any] = {}
    for field in FIELDS:
        recipe = settings.get(field, {} if field == "recipe" else None)
        if not isinstance(recipe, dict):
            continue
        before = recipe.get("initial_weights")
        if field == "recipe" or before is not None:
            thaw = {"frozen_batch_norm": False} if before == IMAGENET != start else {}
            changed[field] = {**recipe, "initial_weights": start, **thaw}
    return {**settings, **changed}
