"""A final that is trained on folds: every picture is judged by a training without it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from smnas.arch import DetectorArch
from smnas.data.dataset import Subset
from smnas.data.embedded import load_embedded
from smnas.data.folds import Folds
from smnas.errors import TrainingError
from smnas.execution.work import Order
from smnas.experiment import other_folds, trial_training
from smnas.experiment.attempt import Conditions
from smnas.experiment.evaluate import Evaluator
from smnas.experiment.recipes import Recipes
from smnas.experiment.run_folder import predictions_path, trial_folder
from smnas.measure.accuracy import coco_ap
from smnas.measure.predictions import predictions_from_json
from smnas.training.fit_log import FitLog
from smnas.training.loop import fit
from smnas.training.recipe import Recipe
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.budget import Budget
from smnas.trial.trial import Origin, Outcome, Proposal, Stage, Trial

TINY = "64x64/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina/convs=1/detections=20/score=0.001"
PARTS = ((1, 4), (0, 5), (2, 3, 6))


@cache
def make_folds() -> Folds:
    trees = load_embedded("trees").train
    filled = [i for i in range(40) if trees.annotations(i).objects.sum() > 3][:7]
    return Folds(Subset(trees, filled, "seven"), PARTS)


def make_trial(stage: Stage = "final", epochs: int = 2) -> Trial:
    proposal = Proposal(
        arch=DetectorArch.parse(TINY),
        stage=stage,
        origin=Origin(operator="final"),
        budget=Budget(epochs=epochs),
        seed=3,
    )
    return Trial(number=7, proposal=proposal)


def run(folder: Path, trial: Trial, told: list[tuple[str, float, str]] | None = None) -> Outcome:
    folds = make_folds()
    conditions = Conditions(
        train=folds.train(0),
        val=folds.held_out(0),
        recipes=Recipes.alike(Recipe(batch=2, precision="float32")),
        device="cpu",
        clock="stand-in",
        final_budget=Budget(epochs=2),
        ships="bn",
        folds=folds,
    )
    notes = [] if told is None else told
    return Evaluator(conditions)(Order(trial), folder, lambda *said: notes.append(said))


@pytest.fixture
def trained_on(monkeypatch) -> list[list[int | str]]:
    """The pictures of each training, in the order in which they came."""
    asked: list[list[int | str]] = []

    def watched(detector, dataset, *rest):
        asked.append([dataset.picture_id(index) for index in range(len(dataset))])
        return fit(detector, dataset, *rest)

    monkeypatch.setattr(trial_training, "fit", watched)
    return asked


def held_out(fold: int) -> set[int | str]:
    part = make_folds().held_out(fold)
    return {part.picture_id(index) for index in range(len(part))}


def accuracies(outcome: Outcome):
    return [item for item in outcome.measurements if item.protocol.kind == "accuracy"]


def test_accuracy_is_that_of_all_pictures_each_from_a_training_without_it(tmp_path, trained_on):
    outcome = run(tmp_path, make_trial())
    assert outcome.failure is None
    folds, pool = make_folds(), make_folds().pool
    everything = {pool.picture_id(index) for index in range(len(pool))}
    assert [everything - set(pictures) for pictures in trained_on] == [
        held_out(fold) for fold in range(3)
    ]
    kept = predictions_path(tmp_path, 7, "val").read_text()
    together = predictions_from_json(pool, kept)
    for fold in (1, 2):
        text = predictions_path(tmp_path, 7, "val", fold).read_text()
        alone = predictions_from_json(folds.held_out(fold), text)
        for position, found in zip(PARTS[fold], alone, strict=True):
            assert found.scores.tolist() == together[position].scores.tolist()
            assert len(found.scores)
    detector = TrainedDetector.load(tmp_path / "trials/0007/weights.safetensors", "cpu")
    first = folds.held_out(0)
    for index, position in enumerate(PARTS[0]):
        scores = detector.predict(first.read(index)[0]).scores
        assert scores == pytest.approx(together[position].scores, abs=1e-5)
    measured = {item.metric: item for item in accuracies(outcome)}
    assert measured["ap"].value == coco_ap(pool, together)["ap"]
    for item in measured.values():
        assert (item.protocol.folds, item.protocol.pictures) == (3, 7)
        assert item.protocol.data_id == pool.data_id


def test_the_weights_that_ship_are_those_of_the_first_fold(tmp_path, trained_on):
    outcome = run(tmp_path, make_trial())
    assert outcome.weights == "trials/0007/weights.safetensors"
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.safetensors")) == [
        "trials/0007/weights.safetensors"
    ]
    shipped = TrainedDetector.load(tmp_path / "trials/0007/weights.safetensors", "cpu")
    assert shipped.extra["seed"] == "3"
    assert len(trained_on) == 3


def _logs(folder: Path) -> Sequence[str]:
    return [path.read_text() for path in sorted(folder.rglob("log.json"))]


@pytest.mark.parametrize(("stage", "epochs"), [(1, 2), ("yardstick", 1)])
def test_candidates_and_the_short_yardstick_are_trained_once(tmp_path, trained_on, stage, epochs):
    outcome = run(tmp_path, make_trial(stage, epochs))
    assert len(trained_on) == 1
    assert {(item.protocol.folds, item.protocol.pictures) for item in accuracies(outcome)} == {
        (1, 2)
    }
    assert not list(tmp_path.rglob("fold-*"))


def test_an_interrupted_trial_goes_on_with_the_fold_that_it_was_at(
    tmp_path, trained_on, monkeypatch
):
    whole = run(tmp_path / "whole", make_trial())
    trained_on.clear()

    class Killed(BaseException):
        pass

    with monkeypatch.context() as patch:
        make = other_folds.make_artifact

        def die_in_the_last(trained, runtime, file, val, ships):
            if {val.picture_id(index) for index in range(len(val))} == held_out(2):
                raise Killed
            return make(trained, runtime, file, val, ships)

        patch.setattr(other_folds, "make_artifact", die_in_the_last)
        with pytest.raises(Killed):
            run(tmp_path / "cut", make_trial())
    assert len(trained_on) == 3
    resumed = run(tmp_path / "cut", make_trial())
    assert len(trained_on) == 3  # nothing is trained again
    assert resumed.measurements == whole.measurements
    logs = map(FitLog.model_validate_json, _logs(tmp_path / "cut"))
    assert resumed.seconds > sum(log.seconds for log in logs)


def test_progress_runs_upwards_over_all_folds(tmp_path):
    told: list[tuple[str, float, str]] = []
    run(tmp_path, make_trial(), told)
    shares = [share for _, share, _ in told]
    assert shares == sorted(shares)
    assert {note.split(":")[0] for _, _, note in told if note.startswith("fold")} == {
        "fold 2",
        "fold 3",
    }


def test_a_fold_that_fails_fails_the_trial(tmp_path, monkeypatch):
    def fail(detector, dataset, *rest):
        if {dataset.picture_id(index) for index in range(len(dataset))} & held_out(0):
            raise TrainingError("the loss is not finite")
        return fit(detector, dataset, *rest)

    monkeypatch.setattr(trial_training, "fit", fail)
    outcome = run(tmp_path, make_trial())
    assert outcome.failure is not None
    assert (outcome.failure.stage, outcome.failure.reason) == (
        "training",
        "the loss is not finite",
    )
    assert trial_folder(tmp_path, 7).is_dir()
