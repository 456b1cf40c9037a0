import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from smnas.errors import ConfigError, DataError, RuntimeMissingError, WeightsError
from smnas.export.onnx_file import check_onnx
from smnas.export.parity import count_partners
from smnas.export.runtime import load_onnx, require_runtime, start

HERE = Path("x.onnx")


def test_openvino_finds_what_onnxruntime_finds(exported, pictures):
    pytest.importorskip("openvino")
    one, other = start(exported, HERE), start(exported, HERE, "openvino")
    pairs = [(one.predict(picture, 0.0), other.predict(picture, 0.0)) for picture in pictures]
    for found, again in pairs:
        np.testing.assert_allclose(found.scores, again.scores, atol=1e-4)
    matched, detections = count_partners(pairs)
    assert matched >= 0.99 * detections


def test_a_list_gives_what_each_picture_gives(exported, pictures):
    detector = start(exported, HERE)
    for picture, found in zip(pictures, detector.predict(pictures), strict=True):
        alone = detector.predict(picture)
        np.testing.assert_array_equal(found.boxes_xyxy, alone.boxes_xyxy)


def test_detections_below_the_score_are_left_out(exported, pictures):
    detector = start(exported, HERE)
    everything = detector.predict(pictures[0])
    limit = float(np.median(everything.scores))
    found = detector.predict(pictures[0], score=limit)
    assert 0 < len(found.scores) == (everything.scores >= limit).sum() < len(everything.scores)


def test_what_is_no_picture_is_refused(exported):
    with pytest.raises(DataError, match="uint8 array of height x width x 3"):
        start(exported, HERE).predict(np.zeros((4, 4), np.uint8))


def test_an_unknown_runtime_is_told_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'openvino'"):
        require_runtime("openvin")


def test_a_missing_runtime_says_which_extra_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(RuntimeMissingError, match=r"smnas\[openvino\]"):
        require_runtime("openvino")


@pytest.mark.parametrize(
    ("name", "extra"), [("onnxruntime-cuda", "cuda"), ("tensorrt", "tensorrt")]
)
def test_a_missing_device_says_which_extra_brings_it(monkeypatch, name, extra):
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(RuntimeMissingError, match=rf"smnas\[{extra}\]"):
        require_runtime(name)


def test_a_graph_that_cannot_run_is_told(exported, tmp_path):
    model = onnx.load_model_from_string(exported.content)
    next(node for node in model.graph.node if node.op_type == "Conv").op_type = "Konv"
    path = tmp_path / "broken.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match="onnxruntime cannot run it"):
        load_onnx(path)
    assert check_onnx(path, path.read_bytes()).arch == exported.arch
