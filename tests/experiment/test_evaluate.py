"""What becomes of a trial that cannot be finished."""

import errno
import fcntl
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smnas.arch import DetectorArch
from smnas.data.dataset import Annotations, Category, DetectionDataset
from smnas.errors import DataError, NotBuiltYetError, StorageFullError
from smnas.experiment import evaluate, judging, trial_training
from smnas.experiment.evaluate import Evaluator
from smnas.experiment.forecast import Forecast
from smnas.experiment.memory import means_out_of_memory
from smnas.experiment.recipes import Recipes
from smnas.measure.latency import measure_latency
from smnas.measure.quiet import SharedMachine
from smnas.training.loop import fit
from smnas.training.recipe import OptimizerSettings, Recipe
from smnas.trial.budget import Budget
from smnas.trial.constraint import Constraint
from smnas.trial.measurement import Measurement, PredictionProtocol
from smnas.trial.metrics import METRICS
from smnas.trial.pruning import PruneRule
from smnas.trial.trial import Failure, Origin, Outcome, Proposal, Trial

TINY = "32x32/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina/convs=1/norm=gn-ws"


class Squares(DetectionDataset):
    """Six pictures with one bright square each."""

    name = "squares"
    categories = (Category(5, "square"),)
    data_id = "0123456789ab"

    def __len__(self) -> int:
        return 6

    def picture_id(self, index: int) -> int:
        return index

    def picture_size(self, index: int) -> tuple[int, int]:
        return 32, 32

    def annotations(self, index: int) -> Annotations:
        return Annotations.of([(4 + index, 4, 20 + index, 20)])

    def read(self, index: int):
        picture = np.full((32, 32, 3), 30, np.uint8)
        picture[4:20, 4 + index : 20 + index] = 220
        return picture, self.annotations(index)


def make_trial(arch: str = TINY, stage: int | str = 1, epochs: int = 1) -> Trial:
    proposal = Proposal.model_validate(
        {
            "arch": DetectorArch.parse(arch),
            "stage": stage,
            "origin": Origin(operator="sample"),
            "budget": Budget(epochs=epochs),
            "seed": 3,
        }
    )
    return Trial(number=7, proposal=proposal)


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
        }
        evaluator = Evaluator(**{**parts, **changes})

        def run(trial: Trial, batch_parts: int = 1) -> Outcome:
            return evaluator(trial, folder, batch_parts, lambda stage, share, note: None)

        return run

    return make


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

    monkeypatch.setattr(evaluate, "SharedMachine", lambda: SharedMachine(tmp_path))
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


def raising(error: BaseException):
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def _constraints(*texts):
    return tuple(map(Constraint.parse, texts))


def test_a_candidate_that_breaks_a_constraint_is_counted_and_not_trained(
    make_evaluator, monkeypatch, tmp_path
):
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("trained")))
    monkeypatch.setattr(judging, "measure_latency", raising(AssertionError("timed")))
    limits = _constraints("params_m <= 0.001", "latency_ms <= 1000")
    outcome = make_evaluator(constraints=limits, clock="device")(make_trial())
    assert outcome.failure.stage == "constraint"
    assert outcome.failure.reason.endswith(", expected params_m <= 0.001")
    assert {item.metric for item in outcome.measurements} == {"params_m", "macs_g"}
    assert outcome.weights is None
    assert not (tmp_path / "trials").exists()


def test_one_that_is_too_slow_is_timed_as_deployed_and_not_trained(make_evaluator, monkeypatch):
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("trained")))
    limits = _constraints("latency_ms <= 0.001")
    outcome = make_evaluator(constraints=limits, clock="device")(make_trial())
    assert outcome.failure.stage == "constraint"
    assert "expected latency_ms <= 0.001" in outcome.failure.reason
    assert {item.metric for item in outcome.measurements} == {"params_m", "macs_g", "latency_ms"}


@pytest.mark.parametrize("metric", ["macs_g", "latency_ms"])
def test_what_cannot_move_the_front_is_not_trained_but_where_it_is_spared(
    make_evaluator, monkeypatch, metric
):
    rule = PruneRule(larger=1, better=2, metric=metric, limit=1e-9, merit="ap", bound=0.5)

    def with_rule(**changes):
        trial, ruled = make_trial(), rule.model_copy(update=changes)
        proposal = trial.proposal.model_copy(update={"pruning": ruled})
        return trial.model_copy(update={"proposal": proposal})

    for harmless in ({"limit": 1e9}, {"spared": True}):
        assert make_evaluator()(with_rule(**harmless)).failure is None
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("trained")))
    outcome = make_evaluator()(with_rule())
    assert (outcome.failure.stage, outcome.failure.reason) == ("pruning", rule.reason)
    assert metric in {item.metric for item in outcome.measurements}
    assert outcome.weights is None


def test_one_that_is_too_slow_by_its_blocks_is_neither_exported_nor_timed(
    make_evaluator, monkeypatch
):
    protocol = PredictionProtocol(
        runtime="torch-eager", precision="float32", device="this CPU", batch=1, threads=1,
        versions={}, detectors=9, error=0.03,
    )  # fmt: skip
    predicted = Measurement(
        metric="latency_ms_predicted", value=40.0, unit="ms", interval=(35.0, 46.0),
        protocol=protocol,
    )  # fmt: skip
    asked = []

    def predict(self, arch):
        asked.append(arch)
        return (predicted,)

    monkeypatch.setattr(Forecast, "predict", predict)
    monkeypatch.setattr(Forecast, "learn", lambda *_: None)
    kept = make_evaluator(constraints=_constraints("latency_ms <= 36"), clock="device")(
        make_trial()
    )
    assert kept.failure is None
    assert {"latency_ms", "latency_ms_predicted"} <= {item.metric for item in kept.measurements}
    monkeypatch.setattr(judging, "measure_latency", raising(AssertionError("timed")))
    monkeypatch.setattr(trial_training, "fit", raising(AssertionError("trained")))
    outcome = make_evaluator(constraints=_constraints("latency_ms <= 30"), clock="device")(
        make_trial()
    )
    assert outcome.failure.stage == "constraint"
    assert "latency_ms_predicted is 40 (35 to 46), not measured" in outcome.failure.reason
    assert predicted in outcome.measurements
    assert "latency_ms" not in {item.metric for item in outcome.measurements}
    assert asked == [make_trial().proposal.arch.deployed] * 2


def test_nothing_is_predicted_where_no_clock_is_read(make_evaluator, monkeypatch):
    monkeypatch.setattr(Forecast, "predict", raising(AssertionError("predicted")))
    limits = _constraints("latency_ms <= 0.001")
    outcome = make_evaluator(constraints=limits, clock="stand-in")(make_trial())
    assert outcome.failure.reason.startswith("latency_ms is")


def test_one_that_keeps_all_is_trained_and_timed_once(make_evaluator, monkeypatch):
    times = []

    def count_times(*args, **kwargs):
        times.append(measure_latency(*args, **kwargs))
        return times[-1]

    monkeypatch.setattr(judging, "measure_latency", count_times)
    limits = _constraints("latency_ms <= 10000", "params_m <= 1")
    outcome = make_evaluator(constraints=limits, clock="device")(make_trial())
    assert outcome.failure is None
    metrics = [item.metric for item in outcome.measurements]
    assert len(set(metrics)) == len(metrics)
    assert {"ap", "params_m", "macs_g", "latency_ms"} <= set(metrics)
    assert len(times) == 1


def test_limits_change_no_number_of_what_keeps_them(make_evaluator):
    free = make_evaluator()(make_trial())
    for limits in (_constraints("params_m <= 1"), _constraints("latency_ms <= 10000")):
        assert make_evaluator(constraints=limits)(make_trial()).measurements == free.measurements


def test_finals_and_the_yardstick_are_trained_all_the_same(make_evaluator):
    limits = _constraints("params_m <= 0.001")
    for stage in ("final", "yardstick"):
        assert make_evaluator(constraints=limits)(make_trial(stage=stage)).failure is None


def test_every_metric_that_a_trial_records_can_be_an_objective(make_evaluator):
    measurements = make_evaluator()(make_trial()).measurements
    assert {item.metric for item in measurements} <= set(METRICS)
    for item in measurements:
        assert (METRICS[item.metric].kind == "accuracy") == (item.protocol.kind == "accuracy")
