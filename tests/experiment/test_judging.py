import numpy as np
import pytest

from smnas.arch import DetectorArch
from smnas.data.trees import load_trees
from smnas.detector.build import build_detector
from smnas.errors import ConfigError
from smnas.experiment.artifact import check_runtime, load
from smnas.experiment.judging import build_twin, make_artifact, time_artifact, time_untrained
from smnas.export.runtime import ExportedDetector
from smnas.training.trained_detector import TrainedDetector

TINY = "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-8/none/retina/convs=1/norm=gn-ws"


@pytest.fixture
def trained():
    categories = load_trees().val.categories
    arch = DetectorArch.parse(TINY)
    return TrainedDetector(build_detector(arch, len(categories), seed=0), categories)


def test_one_file_gives_both_numbers(trained, tmp_path):
    val = load_trees().val
    picture = val.read(0)[0]
    file = tmp_path / "detector.onnx"
    artifact = make_artifact(trained, "onnxruntime", file, val, ships=True)
    assert artifact.file == file
    assert artifact.at_a_time == 1
    assert artifact.runtime.name == "onnxruntime"
    found = load(file).predict(picture)
    np.testing.assert_array_equal(artifact.predictor.predict(picture).scores, found.scores)
    latency = time_artifact(artifact, picture, "cpu")[0]
    assert latency.metric == "latency_ms"
    assert latency.protocol.runtime == "onnxruntime"
    assert latency.protocol.fresh_processes
    assert isinstance(load(file), ExportedDetector)
    with pytest.raises(ConfigError, match="cannot run in torch-eager"):
        load(file, runtime="torch-eager")


def test_candidate_is_judged_by_torch_and_its_twin_timed_as_a_file(trained, tmp_path):
    val = load_trees().val
    artifact = make_artifact(trained, "onnxruntime", tmp_path / "d.onnx", val, ships=False)
    assert artifact.predictor is trained
    assert artifact.at_a_time == 16
    assert artifact.runtime.name == "torch-eager"
    twin = build_twin(trained.arch.deployed, trained.categories, "cpu")
    timed = time_untrained(twin, "onnxruntime", val.read(0)[0], "cpu")
    assert timed[0].protocol.runtime == "onnxruntime"
    assert list(tmp_path.iterdir()) == []


def test_torch_makes_no_file(trained, tmp_path):
    val = load_trees().val
    artifact = make_artifact(trained, "torch-eager", tmp_path / "detector.onnx", val, ships=True)
    assert artifact.file is None
    assert list(tmp_path.iterdir()) == []
    timed = time_untrained(trained, "torch-eager", val.read(0)[0], "cpu")
    assert timed[0].protocol.runtime == "torch-eager"


def test_runtimes_that_do_not_exist_are_told():
    with pytest.raises(ConfigError, match="did you mean 'torch-eager'"):
        check_runtime("torch-eage")
