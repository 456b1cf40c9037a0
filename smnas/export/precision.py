"""Fewer bits: a float32 file turned into half precision, or quantised to int8.

Only the network's arithmetic changes. Pictures are fitted, and boxes decoded and suppressed, in
float32 as before.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx

from smnas.data.picture import Picture
from smnas.errors import ExportError
from smnas.export.frame import PICTURE
from smnas.export.onnx import PRECISION_KEY, set_metadata
from smnas.export.quiet import quiet

HALVED = ("Conv", "Gemm")
"""What is computed in half precision; a CPU without such kernels only stores the weights so."""
QUANTISED = ("Conv", "Gemm")
"""What is computed in int8: convolutions and fully connected layers."""


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose convolutions and fully connected layers are in float16.

    Each gets its weights in float16 and a cast before and behind it.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    weights = {tensor.name: tensor for tensor in halved.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in halved.graph.node:
        if node.op_type not in HALVED or node.input[1] not in weights:
            nodes.append(node)
            continue
        for place, name in enumerate(node.input):
            if name in weights:
                _round_to_half(weights[name])
            elif name:
                node.input[place] = f"{node.output[0]}_half_in_{place}"
                nodes.append(_cast(name, node.input[place], onnx.TensorProto.FLOAT16))
        wide, node.output[0] = node.output[0], f"{node.output[0]}_half"
        nodes += [node, _cast(node.output[0], wide, onnx.TensorProto.FLOAT)]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    set_metadata(halved, {PRECISION_KEY: "float16"})
    return halved


def _round_to_half(tensor: onnx.TensorProto) -> None:
    """Store a weight in float16, in place; one that two layers share is rounded once."""
    if tensor.data_type == onnx.TensorProto.FLOAT:
        values = onnx.numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return onnx.helper.make_node("Cast", [source], [target], to=kind)


def to_int8(model: onnx.ModelProto, pictures: Sequence[Picture]) -> onnx.ModelProto:
    """Return a copy with int8 weights and activations (static quantisation).

    Args:
        model: In float32.
        pictures: The user's own: the ranges of activations are those that they lead to.

    Raises:
        ExportError: No pictures.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    if not pictures:
        raise ExportError(
            "int8: expected pictures to calibrate on, got none; name data with --data"
        )
    copied = onnx.ModelProto()
    copied.CopyFrom(model)  # the quantiser leaves what it is given without its weights
    with tempfile.TemporaryDirectory() as folder, quiet():
        made = Path(folder) / "int8.onnx"
        quantize_static(
            copied,
            made,
            cast(Any, _Calibration(pictures)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        quantised = onnx.load(made)
    set_metadata(quantised, {PRECISION_KEY: "int8"})
    return quantised


class _Calibration:
    """What ``onnxruntime.quantization`` draws pictures from."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self._left: Iterator[Picture] = iter(pictures)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next picture as the file's inputs, or None after the last."""
        picture = next(self._left, None)
        return None if picture is None else {PICTURE: np.ascontiguousarray(picture)}
