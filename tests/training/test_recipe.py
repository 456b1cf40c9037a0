import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from smnas.training.recipe import IMAGENET, OptimizerSettings, Recipe, ScheduleSettings

GOLDEN = Path(__file__).with_name("golden_recipe.json")


def assert_holds(pinned: object, current: object, where: str) -> None:
    """New fields may come; what is pinned may neither go nor change."""
    if isinstance(pinned, dict):
        assert isinstance(current, dict), where
        for name, value in pinned.items():
            assert name in current, f"{where}.{name} is gone"
            assert_holds(value, current[name], f"{where}.{name}")
    else:
        assert current == pinned, where


@pytest.mark.golden
def test_defaults_are_pinned() -> None:
    """A changed default renames no recipe, so it must be a decision and not an accident."""
    assert_holds(json.loads(GOLDEN.read_text()), Recipe().model_dump(mode="json"), "recipe")


@pytest.mark.golden
def test_recipe_id_is_stable() -> None:
    assert Recipe().recipe_id == "44136fa355b3"  # SHA-256 of "{}"
    changed = Recipe(batch=16, optimizer=OptimizerSettings(kind="sgd", learning_rate=0.04))
    assert changed.recipe_id == "57cb99ec81ab"
    assert Recipe(initial_weights=Path("start.safetensors")).recipe_id == "0c006bf23ae3"


def test_spelling_out_a_default_changes_no_id() -> None:
    plain = Recipe()
    spelled = Recipe.model_validate_json(plain.model_dump_json())
    assert spelled == plain
    assert spelled.recipe_id == plain.recipe_id


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 7},
        {"precision": "float32"},
        {"averaging": 0.5},
        {"schedule": ScheduleSettings(warmup_share=0.33)},
        {"schedule": ScheduleSettings(drops=(0.5,))},
        {"initial_weights": Path("start.safetensors")},
        {"initial_weights": IMAGENET},
        {"initial_weights": IMAGENET, "frozen_stages": 1},
        {"initial_weights": IMAGENET, "frozen_batch_norm": True},
    ],
)
def test_every_change_gets_its_own_id(change: dict[str, object]) -> None:
    changed = Recipe().model_copy(update=change)
    assert changed.recipe_id != Recipe().recipe_id
    assert Recipe.model_validate_json(changed.model_dump_json()).recipe_id == changed.recipe_id


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch": 0},
        {"optimizer": {"learning_rate": float("nan")}},
        {"optimizer": {"kind": "lion"}},
        {"schedule": {"warmup_share": 1.5}},
        {"schedule": {"drops": [0.9, 0.5]}},
        {"schedule": {"warmup_share": 0.5, "drops": [0.4]}},
        {"averaging": 1.0},
        {"initial_weights": "imagenet", "frozen_stages": 5},
        {"learning_rate": 0.1},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate(wrong)


def test_the_word_imagenet_is_no_file() -> None:
    recipe = Recipe.model_validate({"initial_weights": "imagenet"})
    assert recipe.initial_weights == IMAGENET
    assert not isinstance(recipe.initial_weights, Path)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert recipe.recipe_id != Recipe(initial_weights=Path("imagenet.pth")).recipe_id
    assert Recipe(initial_weights=Path("imagenet")).initial_weights == IMAGENET
    assert isinstance(Recipe(initial_weights=Path("weights/imagenet")).initial_weights, Path)


@pytest.mark.parametrize("change", [{"frozen_stages": 1}, {"frozen_batch_norm": True}])
def test_freezing_needs_weights_worth_keeping(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="would stay at random; expected initial_weights"):
        Recipe.model_validate(change)
    assert Recipe.model_validate({**change, "initial_weights": "imagenet"})
