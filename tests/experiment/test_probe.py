import pytest

from smnas.arch import DetectorArch
from smnas.data.sources import DataSpec, load_splits
from smnas.experiment import probe as module
from smnas.experiment.attempt import Conditions
from smnas.experiment.plan import _trials_per_training, make_plan
from smnas.experiment.probe import probe
from smnas.experiment.recipes import Recipes
from smnas.search.parts import SearchParts
from smnas.search.settings import SearchSettings
from smnas.training.recipe import Recipe
from smnas.trial.budget import Budget

SMALL = "32x32/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina/convs=1/norm=gn-ws/pre-nms=50"
LARGE = "96x96/basicblock_16_1-2-1-1/fpn-p2-p3-16/none/retina/convs=2/norm=gn-ws/pre-nms=50"


@pytest.fixture(scope="module")
def splits():
    return load_splits(DataSpec(source="scenes:easy,train=12,val=3,test=3,size=64"), 0)


@pytest.fixture
def world(splits):
    return Conditions(
        train=splits.train,
        val=splits.val,
        recipes=Recipes.alike(Recipe(batch=4, precision="float32")),
        device="cpu",
        clock="stand-in",
        final_budget=Budget(epochs=6),
        ships="bn",
    )


def test_every_number_is_measured(world):
    found = probe(world, [DetectorArch.parse(SMALL)], 0)
    assert found is not None
    assert 0 < found.training_s < 5
    assert 0 < found.prediction_s < 5
    assert 0 < found.candidate_s < 60
    assert 0 < found.final_s < 60
    assert found.memory_mb > 50
    assert found.params_m > 0


def test_archs_count_by_their_cost(world, monkeypatch):
    """Of many archs a few are timed; what they stand for follows their multiply-adds."""
    archs = [DetectorArch.parse(SMALL)] * 6 + [DetectorArch.parse(LARGE)] * 2
    costs = {str(a): module._count(a, world)[0] for a in archs}
    monkeypatch.setattr(module, "_time_training", lambda arch, *_: costs[str(arch)])
    monkeypatch.setattr(module, "_time_prediction", lambda arch, *_: 1.0)
    monkeypatch.setattr(module, "_time_rest", lambda *_: 1.0)
    found = probe(world, archs, 0)
    assert found.training_s == pytest.approx(sum(costs[str(a)] for a in archs) / len(archs))


def test_what_cannot_be_trained_stops_nothing(world, monkeypatch):
    def fail(*_):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(module, "fit", fail)
    assert probe(world, [DetectorArch.parse(SMALL)], 0) is None
    assert probe(world, [], 0) is None


def test_slow_steps_are_measured_on_single_pictures(world, monkeypatch):
    taken = []

    def step(arch, indices, batch, *_):
        taken.append((len(indices), batch))
        return 100.0

    monkeypatch.setattr(module, "_step", step)
    assert module._time_training(DetectorArch.parse(SMALL), world, 0) == 100.0
    assert taken == [(3, 1)]


def test_minutes_are_those_of_the_pictures_and_the_rest(splits):
    settings = SearchSettings(
        trials=10,
        finals=2,
        stage_one=Budget(epochs=2),
        stage_two=Budget(epochs=3),
        final=Budget(epochs=5),
        seed=0,
    )
    probed = module.Probe(0.1, 0.01, 2.0, 4.0, 1.0, 500.0)
    plan = make_plan(settings, splits, probed)
    epochs = 6 * 2 + 4 * 3 + 2 * 5 + 2 + 5
    pictures = 0.1 * 12 * epochs + 0.01 * 3 * 14 + 0.01 * 3 * 3
    assert plan.minutes == pytest.approx((pictures + 2.0 * 11 + 4.0 * 3 + 5.0) / 60)
    assert plan.memory_mb == 500.0
    with_others = make_plan(settings, splits, probed, workers=2)
    assert plan.minutes / 2 < with_others.minutes < plan.minutes
    assert "with 2 trials at a time" in with_others.sentences[1]
    assert make_plan(settings, splits, None).minutes is None


def test_rungs_share_the_epochs_of_a_training():
    settings = SearchSettings(
        trials=10,
        stage_one=Budget(epochs=9),
        stage_two=Budget(epochs=9),
        final=Budget(epochs=20),
        parts=SearchParts(rungs=3, eta=3),
        seed=0,
    )
    # 9 archs train 1 epoch, 3 of them 2 more, 1 of those 6 more: 13 trials in 21 epochs.
    assert _trials_per_training(settings, settings.stage_one) == pytest.approx(9 * 13 / 21)
    assert _trials_per_training(settings, settings.final) == 1
