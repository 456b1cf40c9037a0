"""The recipes of a search: the paper's numbers, and which trial gets which."""

import json

import pytest

from smnas.arch import DetectorArch
from smnas.errors import ConfigError
from smnas.experiment.config import make_config
from smnas.experiment.recipes import PAPER, Recipes
from smnas.training.recipe import IMAGENET, Recipe
from smnas.trial.budget import Budget
from smnas.trial.trial import Origin, Proposal


def make_proposal(stage, epochs) -> Proposal:
    arch = DetectorArch.parse("64x64/resnet18/fpn-p2-p5-64/none/retina")
    origin, budget = Origin(operator="sample"), Budget(epochs=epochs)
    return Proposal(arch=arch, stage=stage, origin=origin, budget=budget, seed=0)


def test_the_paper_is_as_published():
    """paper.md 1.2, 2.5 and 4.4."""
    one, two, final = PAPER.stage_one, PAPER.stage_two, PAPER.final
    assert [(r.batch, round(r.peak_learning_rate, 9)) for r in (one, two, final)] == [
        (32, 0.04),
        (64, 0.24),
        (32, 0.04),
    ]
    for recipe in (one, two):
        end = recipe.peak_learning_rate * recipe.schedule.final_fraction
        assert end == pytest.approx(0.0001)
        assert recipe.schedule.drops == ()
    assert final.schedule.drops == pytest.approx((16 / 24, 22 / 24))
    assert [r.initial_weights for r in (one, two, final)] == [IMAGENET, None, IMAGENET]
    for recipe in PAPER.all:
        optimizer = recipe.optimizer
        assert (optimizer.kind, optimizer.momentum, optimizer.weight_decay) == ("sgd", 0.9, 1e-4)
        half = recipe.model_copy(update={"batch": recipe.batch // 2})
        assert half.peak_learning_rate == pytest.approx(recipe.peak_learning_rate / 2)


def test_each_trial_gets_the_recipe_of_its_part():
    found = {
        (stage, epochs): PAPER.of(make_proposal(stage, epochs), Budget(epochs=24))
        for stage, epochs in ((1, 5), (2, 9), ("final", 24), ("yardstick", 5), ("yardstick", 24))
    }
    assert found == {
        (1, 5): PAPER.stage_one,
        (2, 9): PAPER.stage_two,
        ("final", 24): PAPER.final,
        ("yardstick", 5): PAPER.stage_one,
        ("yardstick", 24): PAPER.final,
    }


def test_its_name_sets_recipes_and_the_budgets_that_nothing_else_does(tmp_path):
    config = make_config("trees", space="paper", recipe="paper")
    assert config.recipes == PAPER
    assert make_config("trees", space="paper").recipes == Recipes.alike(Recipe())
    micro = make_config("trees", recipe="paper").budgets
    assert [b.epochs for b in (micro.stage_one, micro.stage_two, micro.final)] == [5, 9, 24]
    file = tmp_path / "search.json"
    file.write_text(json.dumps({"recipe": "paper", "budgets": {"final": {"epochs": 12}}}))
    config = make_config("trees", file)
    assert config.recipes == PAPER
    assert (config.budgets.stage_one.epochs, config.budgets.final.epochs) == (5, 12)
    assert make_config("trees", file, recipe="small").recipes == Recipes.alike(Recipe())
    file.write_text(json.dumps(config.model_dump(mode="json")))
    assert make_config(None, file) == config


def test_an_unknown_name_is_named():
    with pytest.raises(ConfigError, match="recipe: 'papre' is none; did you mean 'paper'"):
        make_config("trees", recipe="papre")


def test_weights_of_ones_own_take_the_place_of_imagenets_alone():
    found = make_config("trees", recipe="paper", init="w.safetensors").recipes
    starts = [found.stage_one.initial_weights, found.stage_two.initial_weights]
    assert list(map(str, starts)) == ["w.safetensors", "None"]
    assert found.final.initial_weights == found.stage_one.initial_weights
    assert not found.final.frozen_batch_norm  # what the file holds is not known
    assert make_config("trees", recipe="paper", init="imagenet").recipes == PAPER
    assert found.files == (found.stage_one.initial_weights,)


def test_stages_that_train_differently_differ_in_budget_too(tmp_path):
    file = tmp_path / "search.json"
    file.write_text(json.dumps({"budgets": {"stage_one": {"epochs": 9}}}))
    config = make_config("trees", file, recipe="paper")
    with pytest.raises(ConfigError, match="another budget in stage two than in stage one"):
        config.settings(100)


def test_what_differs_is_said_and_what_does_not_is_not():
    one, two, final, rest = PAPER.sentences
    assert one == (
        "stage one: sgd at 0.04 for batches of 32, along a cosine to 0.0001; from imagenet"
    )
    assert two == (
        "stage two: sgd at 0.24 for batches of 64, along a cosine to 0.0001; from scratch"
    )
    assert "sgd at 0.04 for batches of 32, divided by 10 after 66.7 %, 91.7 %" in final
    assert "start at random" in rest
    assert Recipes.alike(Recipe()).sentences == ()
