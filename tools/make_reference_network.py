"""Make ``smnas/measure/reference.onnx``, the network that shows whether a machine has changed pace.

    python tools/make_reference_network.py smnas/measure/reference.onnx

It needs the package ``onnx``. The file is committed and stays as it is: times that were taken in
turns with it are compared with later ones. It works as a detector does (convolutions, sums,
pooling), takes a few milliseconds on one core, and fits into a core's own cache, so that it hardly
disturbs what is timed beside it.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 32
SIDE = 64
SEED = 0
OPSET = 17


def main() -> None:
    """Write the file that the call names."""
    model = make_network()
    onnx.checker.check_model(model, full_check=True)
    Path(sys.argv[1]).write_bytes(model.SerializeToString())


def make_network() -> onnx.ModelProto:
    """Return two residual convolutions and a pooled sum; its input is float32 [1, 32, 64, 64]."""
    rng = np.random.default_rng(SEED)
    shape = (CHANNELS, CHANNELS, 3, 3)
    scale = np.sqrt(2 / (9 * CHANNELS))
    weights = [
        numpy_helper.from_array((scale * rng.standard_normal(shape)).astype(np.float32), name)
        for name in ("first", "second")
    ]
    nodes = [
        helper.make_node("Conv", ["map", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "second"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c", "map"], ["d"]),
        helper.make_node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["e"], ["mean"]),
    ]
    map_ = helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE])
    mean = helper.make_tensor_value_info("mean", TensorProto.FLOAT, [1, CHANNELS, 1, 1])
    graph = helper.make_graph(nodes, "reference", [map_], [mean], weights)
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


if __name__ == "__main__":
    main()
