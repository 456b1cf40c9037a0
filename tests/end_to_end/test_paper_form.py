"""The paper's own form of the search, shrunken: its recipes, part by part, in a run of seconds."""

import json
from pathlib import Path

import pytest

from smnas.arch import DetectorArch
from smnas.archive.archive import Archive
from smnas.data.sources import DataSpec, load_splits
from smnas.detector.build import build_detector
from smnas.experiment.config import make_config
from smnas.experiment.recipes import PAPER, RECIPES
from smnas.experiment.search import plan_search, search
from smnas.experiment.workplace import Workplace
from smnas.space.known import known_space
from smnas.training.fit_log import FitLog
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.trial import Trial

BUDGETS = {"stage_one": {"epochs": 1}, "stage_two": {"epochs": 2}, "final": {"epochs": 6}}
HEAD = "none/retina/convs=1/pre-nms=50"


@pytest.fixture(scope="module", name="call")
def fixture_call(tmp_path_factory, pictures):
    """What the flags say, with the paper's space cut down to one backbone and few widths."""
    folder = tmp_path_factory.mktemp("paper")
    space = known_space("paper").model_dump(mode="json")
    space["structural"] |= {
        "inputs": ["64x64"],
        "backbones": ["resnet18"],
        "necks": ["fpn-p3-p4-8"],
        "heads": [HEAD],
    }
    space["modular"] |= {"bases": [8, 16], "neck_widths": [8]}
    space |= {"yardstick": f"64x64/resnet18/fpn-p3-p4-8/{HEAD}", "more_yardsticks": []}
    (folder / "space.json").write_text(json.dumps(space))
    arch = DetectorArch.parse(space["yardstick"])
    weights = folder / "resnet18.safetensors"
    detector = build_detector(arch, 2, seed=1)
    categories = load_splits(DataSpec(source=str(pictures)), 0).train.categories
    TrainedDetector(detector, categories).save(weights)
    config = folder / "search.json"
    small = {"trials": 2, "stage_one_share": 0.5, "seeds": 1, "groups": 1, "finals": 1}
    plain = {"space": str(folder / "space.json"), "clock": "stand-in", "budgets": BUDGETS}
    config.write_text(json.dumps({**small, **plain}))
    return {"config": config, "recipe": "paper", "init": weights}


def read_log(folder: Path, trial: Trial) -> FitLog:
    path = folder / "trials" / f"{trial.number:04d}" / "log.json"
    return FitLog.model_validate_json(path.read_bytes())


def test_each_part_trains_as_published(call, pictures, tmp_path):
    search(pictures, out=tmp_path / "run", **call)
    archive = Archive.open(tmp_path / "run")
    trials, header = archive.trials(), archive.header
    archive.close()
    recipes = make_config(pictures, call["config"], recipe="paper", init=call["init"]).recipes
    rates = {
        1: [0.04],
        2: [0.24, 0.0001],
        "final": [0.04] * 4 + [0.004] * 2,
    }
    seen = set()
    for trial in trials:
        assert trial.succeeded, trial.outcome
        stage = trial.proposal.stage
        part = stage if stage != "yardstick" else (1 if trial.number == 0 else "final")
        seen.add(stage)
        log = read_log(tmp_path / "run", trial)
        assert [point.learning_rate for point in log.curve] == pytest.approx(rates[part])
        assert (log.initial_weights is None) == (stage == 2)
        recipe = {1: recipes.stage_one, 2: recipes.stage_two, "final": recipes.final}[part]
        trained = TrainedDetector.load(tmp_path / "run" / trial.outcome.weights)
        assert trained.extra["recipe"] == recipe.recipe_id
        assert trained.arch.norm == ("gn-ws" if stage == 2 else "bn")
        assert trained.arch.backbone.kind == ("coded" if stage == 2 else trained.arch.backbone.kind)
    assert seen == {1, 2, "final", "yardstick"}
    assert any(note.startswith("stage two: sgd at 0.24") for note in header.notes)


def test_the_plan_says_budgets_and_schedules(call, pictures, monkeypatch):
    monkeypatch.setattr("smnas.experiment.search.probe", lambda *_: None)  # nothing is timed here
    flags = {**call, "recipe": "paper"}
    config = make_config(pictures, flags.pop("config"), **flags)
    plan, notes = plan_search(config, Workplace(), lambda _: None)
    assert "stage one 1 x 1 epoch, stage two 1 x 2 epochs, finals 1 x 6 epochs" in str(
        plan.sentences
    )
    assert any("0.24 for batches of 64, along a cosine to 0.0001" in note for note in notes)


def test_unshrunken_it_has_the_papers_budgets():
    config = make_config("trees", space="paper", recipe="paper")
    settings = config.settings(118_287)
    budgets = settings.stage_one, settings.stage_two, settings.final
    assert [budget.epochs for budget in budgets] == [5, 9, 24]
    assert (settings.stage_one_trials, settings.trials, settings.groups) == (500, 2300, 6)
    assert config.recipes == PAPER
    assert RECIPES["paper"]["budgets"]["stage_two"] == {"epochs": 9}
