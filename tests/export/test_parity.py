from pathlib import Path

import numpy as np
import onnx
import pytest

from smnas.detector.contract import Prediction
from smnas.errors import ExportError
from smnas.export.parity import check_parity, count_partners
from smnas.export.runtime import start
from smnas.training.trained_detector import TrainedDetector


def spoil(model: onnx.ModelProto, factor: float, where: str) -> onnx.ModelProto:
    """Return a copy with one tensor multiplied."""
    spoiled = onnx.ModelProto()
    spoiled.CopyFrom(model)
    for tensor in spoiled.graph.initializer:
        if where in tensor.name and tensor.data_type == onnx.TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(tensor) * np.float32(factor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
            return spoiled
    raise AssertionError(f"no tensor {where}")


@pytest.fixture
def check(exported, retina, categories, pictures):
    trained = TrainedDetector(retina, categories)
    predict = start(exported, Path("x.onnx")).predict

    def run(model=None, shown=None, ap=None):
        model = model or onnx.load_model_from_string(exported.content)
        given = pictures if shown is None else shown
        return check_parity(model, retina, predict, trained.predict, given, ap)

    return run


def test_a_good_file_passes(check, pictures):
    parity = check()
    assert parity.pictures == len(pictures)
    assert parity.partnered == 1.0
    assert parity.raw < 1e-4
    assert parity.detections > 20
    assert parity.ap is None


def test_weights_that_differ_are_told_at_the_raw_heads(check, exported):
    model = spoil(onnx.load_model_from_string(exported.content), 1.5, "box_tower.last.weight")
    with pytest.raises(ExportError, match="raw head outputs on the same fitted picture differ"):
        check(model)


def test_an_ap_that_differs_is_told(check):
    values = iter((0.30, 0.302))
    with pytest.raises(ExportError, match=r"AP of the network is 30.00, of the file 30.20"):
        check(ap=lambda predict: next(values))
    values = iter((0.30, 0.3009))
    assert check(ap=lambda predict: next(values)).ap == (0.30, 0.3009)


def test_there_is_no_passing_without_pictures(check):
    with pytest.raises(ExportError, match="at least one real picture"):
        check(shown=[])


def found(boxes: list[list[float]], scores: list[float], labels: list[int]) -> Prediction:
    return Prediction(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(labels, np.int64),
    )


def test_partners_are_of_one_class_near_and_taken_once():
    one = found([[0, 0, 9, 9], [20, 0, 29, 9]], [0.9, 0.5], [1, 1])
    assert count_partners([(one, one)]) == (4, 4)
    moved = found([[0, 0, 9, 9.4], [20, 0, 29, 9.6]], [0.9, 0.5], [1, 1])
    assert count_partners([(one, moved)]) == (2, 4)
    other_class = found([[0, 0, 9, 9], [20, 0, 29, 9]], [0.9, 0.5], [1, 2])
    assert count_partners([(one, other_class)]) == (2, 4)
    other_score = found([[0, 0, 9, 9], [20, 0, 29, 9]], [0.9, 0.502], [1, 1])
    assert count_partners([(one, other_score)]) == (2, 4)
    twice = found([[0, 0, 9, 9], [0, 0, 9, 9]], [0.9, 0.9], [1, 1])
    assert count_partners([(one, twice)]) == (2, 4)
    faint = found([[50, 50, 59, 59]], [0.04], [1])
    assert count_partners([(faint, found([], [], []))]) == (0, 0)
