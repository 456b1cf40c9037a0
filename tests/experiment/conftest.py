import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from tiny_trials import Squares

from smnas.execution.work import Limits, Order
from smnas.experiment.attempt import Conditions
from smnas.experiment.evaluate import Evaluator
from smnas.experiment.recipes import Recipes
from smnas.training.recipe import Recipe
from smnas.trial.budget import Budget
from smnas.trial.trial import Outcome, Trial

NO_LIMITS = Limits()
STAND_IN = Path(__file__).parent / "stand_in_search.py"


@pytest.fixture(scope="session")
def stand_in() -> ModuleType:
    """The script `stand_in_search.py` as a module."""
    spec = importlib.util.spec_from_file_location("stand_in_search", STAND_IN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make_evaluator(tmp_path):
    def make(folder: Path = tmp_path, **changes) -> Callable[..., Outcome]:
        parts = {
            "train": Squares(),
            "val": Squares(),
            "recipes": Recipes.alike(Recipe(batch=2, precision="float32")),
            "device": "cpu",
            "clock": "stand-in",
            "final_budget": Budget(epochs=2),
            "ships": "bn",
        }
        evaluator = Evaluator(Conditions(**{**parts, **changes}))

        def run(trial: Trial, batch_parts: int = 1, limits: Limits = NO_LIMITS) -> Outcome:
            order = Order(trial, limits, batch_parts)
            return evaluator(order, folder, lambda stage, share, note: None)

        return run

    return make
