"""A trial that was interrupted goes on, and one that is a rung goes on from the lower one."""

import json
from functools import cache
from pathlib import Path

import pytest
import torch

from smnas.arch import DetectorArch
from smnas.data.dataset import Subset
from smnas.data.embedded import load_embedded
from smnas.errors import TrainingError
from smnas.experiment.run_folder import CHECKPOINTS, TRAINING_LOG, WEIGHTS, trial_folder
from smnas.experiment.trial_training import TrialTraining
from smnas.training.keeping import TRUNK
from smnas.training.recipe import Recipe
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.budget import Budget
from smnas.trial.trial import Origin, Proposal, Trial

TINY = "32x32/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina/convs=1/norm=gn-ws"
RECIPE = Recipe(batch=2, precision="float32")


@cache
def six_pictures() -> Subset:
    return Subset(load_embedded("trees").train, list(range(6)), "six")


class Killed(BaseException):
    pass


def make_trial(
    arch: str = TINY,
    epochs: int = 1,
    number: int = 7,
    horizon: int | None = None,
    continues: int | None = None,
) -> Trial:
    proposal = Proposal(
        arch=DetectorArch.parse(arch),
        stage=1,
        origin=Origin(operator="sample"),
        budget=Budget(epochs=epochs, horizon_epochs=horizon),
        seed=3,
        continues=continues,
    )
    return Trial(number=number, proposal=proposal)


def train(folder: Path, trial: Trial, report=lambda stage, share, note: None, **changes):
    training = TrialTraining(folder, trial, six_pictures(), RECIPE, "cpu", **changes)
    return training, training.run(report)


def same(one: TrainedDetector, other: TrainedDetector) -> bool:
    pairs = zip(
        one.detector.state_dict().values(), other.detector.state_dict().values(), strict=True
    )
    return all(torch.equal(a, b) for a, b in pairs)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def often(monkeypatch) -> None:
    """Write a checkpoint after every step."""
    monkeypatch.setattr("smnas.training.keeping.Checkpoints.is_due", lambda *_: True)


def kill_in(stage: str, after: int = 1):
    calls = []

    def report(at: str, share: float, note: str) -> None:
        calls.append(at)
        if calls.count(stage) == after:
            raise Killed

    return report


@pytest.mark.usefixtures("often")
def test_an_interrupted_training_goes_on(tmp_path) -> None:
    _, whole = train(tmp_path / "whole", make_trial(epochs=2))
    folder = trial_folder(tmp_path, 7)
    with pytest.raises(Killed):  # once where it begins, then after the first step
        train(tmp_path, make_trial(epochs=2), kill_in("training", 2))
    (folder / "val.json").write_text("half")
    (folder / ".weights.safetensors.x").write_text("half")
    (folder / CHECKPOINTS / ".step-000000002.safetensors.x").write_text("half")
    said: list[str] = []
    training, resumed = train(
        tmp_path, make_trial(epochs=2), lambda stage, share, note: said.append(note)
    )
    assert same(whole, resumed)
    assert any("goes on after step 1 of 6" in note for note in said)
    assert names(folder) == {TRAINING_LOG, WEIGHTS}
    assert training.seconds_before > 0
    assert "after step 1" in json.loads((folder / TRAINING_LOG).read_text())["notes"][0]


def test_what_was_trained_to_the_end_is_not_trained_again(tmp_path) -> None:
    _, whole = train(tmp_path, make_trial())
    log = (trial_folder(tmp_path, 7) / TRAINING_LOG).read_text()
    stages: list[str] = []
    training, again = train(tmp_path, make_trial(), lambda stage, *_: stages.append(stage))
    assert same(whole, again)
    assert stages == []
    assert training.seconds_before == pytest.approx(json.loads(log)["seconds"])


@pytest.mark.parametrize("change", ["cut", "no log", "budget", "arch"])
def test_weights_that_are_not_this_trials_are_made_again(tmp_path, change) -> None:
    train(tmp_path, make_trial())
    folder, trial = trial_folder(tmp_path, 7), make_trial()
    if change == "cut":
        (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-8])
    elif change == "no log":
        (folder / TRAINING_LOG).unlink()
    elif change == "budget":
        trial = make_trial(epochs=2)
    else:
        trial = make_trial(TINY.replace("basicblock_8", "basicblock_10"))
    stages: list[str] = []
    _, found = train(tmp_path, trial, lambda stage, *_: stages.append(stage))
    assert "training" in stages
    assert found.arch == trial.proposal.arch
    assert found.extra["budget"] == str(trial.proposal.budget)


@pytest.mark.parametrize("trunk_is_there", [True, False])
def test_a_rung_goes_on_from_the_lower_trial(tmp_path, trunk_is_there) -> None:
    _, whole = train(tmp_path, make_trial(number=0, epochs=3))
    train(tmp_path, make_trial(number=1, horizon=3))
    trunk = trial_folder(tmp_path, 1) / CHECKPOINTS / TRUNK
    assert trunk.exists()
    if not trunk_is_there:
        trunk.unlink()
    _, top = train(tmp_path, make_trial(number=2, epochs=3, continues=1))
    assert same(whole, top)
    log = json.loads((trial_folder(tmp_path, 2) / TRAINING_LOG).read_text())
    assert log["steps_before"] == (3 if trunk_is_there else 0)
    assert not (trial_folder(tmp_path, 2) / CHECKPOINTS).exists()


@pytest.mark.slow
def test_processes_share_a_trial(tmp_path) -> None:
    """Like several GPUs, on this machine's cores."""
    _, alone = train(tmp_path / "alone", make_trial(epochs=2))
    notes: list[str] = []
    training, shared = train(
        tmp_path / "shared",
        make_trial(epochs=2),
        lambda stage, share, note: notes.append(note),
        processes=2,
    )
    assert training.seconds_before == 0.0
    assert notes[-1] == "writing"
    assert names(trial_folder(tmp_path / "shared", 7)) == {TRAINING_LOG, WEIGHTS}
    one, two = (
        torch.cat([value.flatten().double() for value in found.detector.state_dict().values()])
        for found in (alone, shared)
    )
    assert (one - two).norm() < 2e-3 * one.norm()


@pytest.mark.slow
def test_an_error_of_one_of_them_is_the_trials(tmp_path) -> None:
    with pytest.raises(TrainingError, match="at least one picture for each of 3 processes"):
        train(tmp_path, make_trial(), processes=3)
