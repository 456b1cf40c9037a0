import json

import pytest

from smnas.arch import DetectorArch
from smnas.data.trees import load_trees
from smnas.detector.build import build_detector
from smnas.training.trained_detector import TrainedDetector

TINY = "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-8/none/retina/anchor-scale=3/convs=1"


@pytest.fixture
def weights(tmp_path):
    categories = load_trees().val.categories
    detector = build_detector(DetectorArch.parse(TINY), len(categories), seed=0)
    TrainedDetector(detector, categories).save(tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def test_a_file_is_written_and_what_it_was_compared_by_is_told(call, weights, tmp_path):
    out = tmp_path / "new" / "detector.onnx"
    result = call("export", weights, "--out", out, "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["precision"] == "float32"
    assert facts["partnered"] == 1.0
    assert facts["raw_difference"] < 1e-3
    assert facts["bytes"] == out.stat().st_size
    assert "embedded photographs" in result.stderr
    found = call("predict", out, tmp_path / "none.jpg")
    assert found.exit_code == 2


def test_calls_that_make_no_sense_are_refused(call, weights, tmp_path):
    both = call("export", weights, "--half", "--int8")
    assert both.exit_code == 2
    assert "expected one of the two" in both.stderr
    alone = call("export", weights, "--int8")
    assert alone.exit_code == 2
    assert "to calibrate on" in alone.stderr
    unknown = call("export", weights, "--runtime", "openvin")
    assert unknown.exit_code == 2
    assert "did you mean 'openvino'" in unknown.stderr
    nothing = call("export", tmp_path / "none.safetensors")
    assert nothing.exit_code == 2
