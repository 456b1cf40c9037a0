"""Fewer bits: a float32 file turned into half precision, or quantised to int8.

Only the network's arithmetic changes. Pictures are fitted, and boxes decoded and suppressed, in
float32 as before.
"""

import logging
import tempfile
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from smnas.data.picture import Picture
from smnas.errors import ExportError
from smnas.export.frame import PICTURE
from smnas.export.onnx import PRECISION_KEY, set_metadata

HALVED = ("Conv", "Gemm", "MaxPool", "Relu")
"""What is computed in half precision; a CPU without such kernels only stores the weights so."""
QUANTISED = ("Conv", "Gemm")
"""What is computed in int8: convolutions and fully connected layers."""
LEAST_CALIBRATION = 1
"""Pictures without which ranges cannot be known."""


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose convolutions and fully connected layers are in float16."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    kept = sorted({node.op_type for node in model.graph.node} - set(HALVED))
    with _quiet():
        halved = convert_float_to_float16(halved, keep_io_types=True, op_block_list=kept)
    set_metadata(halved, {PRECISION_KEY: "float16"})
    return halved


def to_int8(model: onnx.ModelProto, pictures: Sequence[Picture]) -> onnx.ModelProto:
    """Return a copy with int8 weights and activations (static quantisation).

    Args:
        model: In float32.
        pictures: The user's own: the ranges of activations are those that they lead to.

    Raises:
        ExportError: No pictures.
    """
    from onnxruntime.quantization import QuantFormat, quantize_static

    if len(pictures) < LEAST_CALIBRATION:
        raise ExportError(
            "int8: expected pictures to calibrate on, got none; name data with --data"
        )
    with tempfile.TemporaryDirectory() as folder, _quiet():
        made = Path(folder) / "int8.onnx"
        quantize_static(
            model,
            made,
            _Calibration(pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
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


@contextmanager
def _quiet() -> Generator[None]:
    """Keep what the converters remark to themselves: it asks for nothing from the user."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
