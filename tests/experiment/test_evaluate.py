"""What becomes of a trial that cannot be finished."""

import errno
import fcntl
import os
import re

import pytest
from tiny_trials import make_trial, raising

from smnas.errors import DataError, NotBuiltYetError, StorageFullError
from smnas.execution.work import Limits
from smnas.experiment import attempt, judging, trial_training
from smnas.experiment.memory import means_out_of_memory
from smnas.experiment.recipes import Recipes
from smnas.measure.latency import measure_latency
from smnas.measure.quiet import SharedMachine
from smnas.training.loop import fit
from smnas.training.recipe import OptimizerSettings, Recipe
from smnas.trial.metrics import METRICS
from smnas.trial.trial import Failure


def test_same_trial_twice_gives_the_same_numbers(make_evaluator, tmp_path):
    first, second = (
        make_evaluator(folder=tmp_path / name)(make_trial()) for name in ("one", "two")
    )
    assert first.measurements == second.measurements
    assert first.weights == "trials/0007/weights.safetensors"
    assert first.seconds > 0


def test_time_is_measured_where_the_clock_is_the_devices(make_evaluator):
    outcome = make_evaluator(clock="device")(make_trial())
    latency = next(item for item in outcome.measurements if item.metric == "latency_ms")
    assert latency.protocol.kind == "latency"
    assert latency.protocol.runtime == "torch-eager"
    assert latency.interval is not None
    memory = {m.metric: m.value for m in outcome.measurements if "memory" in m.metric}
    assert memory["training_memory_mib"] > 0
    assert 20 < memory["training_memory_mib_predicted"] < 60


def test_times_are_taken_while_other_trials_stand_still(make_evaluator, monkeypatch, tmp_path):
    def measure(*arguments, **named):
        with (tmp_path / "door.lock").open() as door, pytest.raises(BlockingIOError):
            fcntl.flock(door, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return measure_latency(*arguments, **named)

    monkeypatch.setattr(attempt, "SharedMachine", lambda: SharedMachine(tmp_path))
    monkeypatch.setattr(judging, "measure_latency", measure)
    assert make_evaluator(clock="device")(make_trial()).failure is None


def test_leftovers_of_an_interrupted_attempt_are_swept_away(make_evaluator, tmp_path):
    folder = tmp_path / "trials" / "0007"
    folder.mkdir(parents=True)
    (folder / ".weights.safetensors.half").write_bytes(b"half")
    make_evaluator()(make_trial())
    assert sorted(path.name for path in folder.iterdir()) == [
        "log.json",
        "val.json",
        "weights.safetensors",
    ]


def test_part_that_cannot_be_built_yet_is_a_failed_trial(make_evaluator, monkeypatch):
    error = NotBuiltYetError("head 'hydra' cannot be built yet")
    monkeypatch.setattr(trial_training, "build_detector", raising(error))
    failure = make_evaluator()(make_trial()).failure
    assert failure == Failure(stage="build", reason="head 'hydra' cannot be built yet")


def test_backbone_that_timm_does_not_have_is_a_failed_trial(make_evaluator):
    arch = "64x64/timm:no_such_net/fpn-p2-p3-8/none/retina"
    failure = make_evaluator()(make_trial(arch)).failure
    assert failure is not None
    assert failure.stage == "build"
    assert "timm has no model of this name" in failure.reason


def test_loss_that_is_not_finite_is_a_failed_trial(make_evaluator, tmp_path):
    wild = Recipe(
        batch=2,
        precision="float32",
        optimizer=OptimizerSettings(kind="sgd", learning_rate=1e30, clip_norm=1e30),
    )
    outcome = make_evaluator(recipes=Recipes.alike(wild))(make_trial(epochs=3))
    assert outcome.failure is not None
    assert outcome.failure.stage in ("training", "measuring")
    assert "finite" in outcome.failure.reason
    assert outcome.measurements == ()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("allocate"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_lack_of_memory_is_told_as_such(make_evaluator, monkeypatch, error):
    monkeypatch.setattr(trial_training, "fit", raising(error))
    with pytest.raises(MemoryError, match=re.escape(str(error))):
        make_evaluator()(make_trial())
    assert means_out_of_memory(error)


def test_batches_in_parts_reach_the_training(make_evaluator, monkeypatch):
    asked = []
    monkeypatch.setattr(trial_training, "fit", lambda *args: asked.append(args) or fit(*args))
    assert make_evaluator()(make_trial(), batch_parts=2).failure is None
    assert asked[0][3].batch_parts == 2


def test_a_training_that_is_predicted_not_to_fit_is_not_begun(make_evaluator, monkeypatch):
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("begun")))
    with pytest.raises(MemoryError, match=r"predicted to take [0-9]+ MiB, more than its limit 20"):
        make_evaluator(clock="device")(make_trial(), limits=Limits(memory_mib=20))


@pytest.mark.parametrize(
    ("error", "surfaces_as"),
    [
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), RuntimeError),
        (KeyError("ap"), KeyError),
        (DataError("picture.png: broken"), DataError),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), StorageFullError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_what_is_not_the_trials_fault_surfaces(make_evaluator, monkeypatch, error, surfaces_as):
    monkeypatch.setattr(trial_training, "fit", raising(error))
    with pytest.raises(surfaces_as):
        make_evaluator()(make_trial())


def test_every_metric_that_a_trial_records_can_be_an_objective(make_evaluator):
    measurements = make_evaluator()(make_trial()).measurements
    assert {item.metric for item in measurements} <= set(METRICS)
    for item in measurements:
        assert (METRICS[item.metric].kind == "accuracy") == (item.protocol.kind == "accuracy")
