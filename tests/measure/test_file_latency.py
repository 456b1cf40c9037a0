import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from smnas.errors import MeasurementError
from smnas.measure.file_latency import measure_latency_of_file
from smnas.measure.latency_history import LatencyHistory
from smnas.measure.standalone import Effort

BRIEF = Effort(seconds=0.02, max_warmup=3)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def file(tmp_path):
    """A file that takes a picture of any size, as exported detectors do, and sums its pixels."""
    nodes = [
        helper.make_node("Cast", ["picture"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["numbers"], ["sum"], keepdims=0),
    ]
    picture = helper.make_tensor_value_info("picture", TensorProto.UINT8, ["H", "W", 3])
    total = helper.make_tensor_value_info("sum", TensorProto.FLOAT, [])
    graph = helper.make_graph(nodes, "sum", [picture], [total])
    opsets = [helper.make_opsetid("", 17)]
    path = tmp_path / "sum.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def test_a_file_gets_median_and_p95_of_one_protocol(file, tmp_path):
    picture = np.zeros((300, 400, 3), np.uint8)
    found, p95, memory = measure_latency_of_file(file, picture, threads=1, effort=BRIEF)
    assert (found.metric, p95.metric) == ("latency_ms", "latency_p95_ms")
    assert found.protocol == p95.protocol
    assert (memory.metric, memory.unit) == ("peak_memory_mib", "MiB")
    assert found.protocol.fresh_processes
    assert (found.protocol.runtime, found.protocol.threads) == ("onnxruntime", 1)
    assert set(found.protocol.versions) == {"python", "numpy", "onnxruntime"}
    assert found.interval[0] < found.value < found.interval[1]
    (kept,) = (tmp_path / "cache" / "latency").iterdir()
    assert LatencyHistory(kept).spread[1] == (0 if found.flag else 2)


def test_larger_pictures_take_longer(file):
    small, large = (
        measure_latency_of_file(file, np.zeros((side, side, 3), np.uint8), threads=1, effort=BRIEF)[
            0
        ]
        for side in (64, 2048)
    )
    assert large.value > 5 * small.value


def test_a_file_that_does_not_run_is_told_by_name(tmp_path):
    with pytest.raises(MeasurementError, match=r"nothing\.onnx"):
        measure_latency_of_file(
            tmp_path / "nothing.onnx", np.zeros((4, 4, 3), np.uint8), threads=1, effort=BRIEF
        )
