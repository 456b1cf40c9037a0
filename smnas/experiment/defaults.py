"""What a search does where nothing else is said: it follows from space, recipe and device."""

from typing import Any

from smnas.experiment.recipes import named_recipe
from smnas.search.settings import MAX_FINALS

DEFAULT_RUNTIME = "onnxruntime"
SPACE_DEFAULTS: dict[str, dict[str, Any]] = {
    "micro": {
        "trials": 18,
        "stage_one_share": 0.6,
        "seeds": 6,
        "groups": 2,
        "finals": 5,
        "final_norm": "gn",
    },
    # SM-NAS: 500 structures at 5 epochs, 300 codes at 9 in each of 6 groups (paper.md 1.2, 2.5).
    "paper": {
        "trials": 2300,
        "stage_one_share": 500 / 2300,
        "seeds": 50,
        "groups": 6,
        "finals": MAX_FINALS,
        "final_norm": "bn",
        "budgets": {
            "stage_one": {"epochs": 5},
            "stage_two": {"epochs": 9},
            "final": {"epochs": 24},
        },
    },
}
"""What a search in each space does where nothing else is said; a space file is taken as small."""


def fill_defaults(said: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a configuration with those that follow from others.

    A recipe may be said by its name, which then stands for the recipes of all parts and, where
    these are not said, for budgets and the norm that ships. On a CPU numbers come from the file
    that is deployed; onnxruntime for a GPU is an extra, so torch's are the default there.

    Raises:
        ConfigError: No such recipe.
    """
    defaults = SPACE_DEFAULTS.get(str(said.get("space", "micro")), SPACE_DEFAULTS["micro"])
    recipe, budgets = said.get("recipe"), said.get("budgets", {})
    named = named_recipe(recipe) if isinstance(recipe, str) else {}
    usual = {**defaults.get("budgets", {}), **named.pop("budgets", {})}
    runtime = DEFAULT_RUNTIME if said.get("device", "cpu") == "cpu" else "torch-eager"
    norm = named.pop("final_norm", defaults["final_norm"])
    filled = {"runtime": runtime, **defaults, "final_norm": norm, **said, **named}
    if isinstance(budgets, dict):
        filled["budgets"] = {**usual, **budgets}
    return filled
