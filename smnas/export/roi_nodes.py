"""RoIAlign over the levels of a pyramid, as nodes of a file.

Over small maps it is two interpolation matmuls of fixed shape, as in ``detector.roi_matmul``: there
ONNX's operator takes several times as long. Over large ones it is the operator, level by level.

Tensor letters: I rows and J columns of a RoI's cells, S samples along an axis, R RoIs, M those of
one level.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from smnas.detector.roi_matmul import SAMPLES
from smnas.export.nodes import floats, ints, op, tensor

_FEW_POSITIONS = 2048
"""Over all levels: matmuls with every position of a map, whose cost grows with them."""
_MOST_ELEMENTS = 2**24
"""Of the sums between the two matmuls: 64 MiB."""


def align_rois(
    maps: Sequence[Any],
    boxes_1R4: Any,
    level_1R: Any,
    cells: int,
    strides: Sequence[int],
    aligned: bool,
) -> Any:
    """Return the features (1, R, I, C, J); where no level is named they may be anything."""
    boxes_R4 = op.Squeeze(boxes_1R4, ints(0))
    level_R = op.Squeeze(level_1R, ints(0))
    shapes = [tuple(level.shape) for level in maps]
    positions = sum(height * width for _, _, height, width in shapes)
    sums = level_1R.shape[1] * cells * max(shape[1] * shape[3] for shape in shapes)
    if positions <= _FEW_POSITIONS and sums <= _MOST_ELEMENTS:
        found = _align_by_matmul(maps, boxes_R4, level_R, cells, strides, aligned)
    else:
        found = _align_by_operator(maps, boxes_R4, level_R, cells, strides, aligned)
    return op.Unsqueeze(found, ints(0))


def _align_by_matmul(
    maps: Sequence[Any],
    boxes_R4: Any,
    level_R: Any,
    cells: int,
    strides: Sequence[int],
    aligned: bool,
) -> Any:
    """Cut every RoI out of every level, with weights of 0 where it is not its own."""
    found = None
    for number, (level, stride) in enumerate(zip(maps, strides, strict=True)):
        _, channels, height, width = level.shape
        scaled_R4 = op.Mul(boxes_R4, floats(1.0 / stride))
        if aligned:
            scaled_R4 = op.Sub(scaled_R4, floats(0.5))
        left, top, right, bottom = op.Split(scaled_R4, num_outputs=4, axis=1)
        if not aligned:
            right = op.Max(right, op.Add(left, floats(1.0)))
            bottom = op.Max(bottom, op.Add(top, floats(1.0)))
        rows_RIH = _weights(top, bottom, cells, height)
        columns_RJW = _weights(left, right, cells, width)
        if len(maps) > 1:
            here_R = op.Cast(op.Equal(level_R, op.Constant(value_int=number)), to=1)
            rows_RIH = op.Mul(rows_RIH, op.Unsqueeze(here_R, ints(1, 2)))
        window_HX = op.Reshape(op.Transpose(level, perm=[0, 2, 1, 3]), ints(height, -1))
        sums = op.MatMul(op.Reshape(rows_RIH, ints(-1, height)), window_HX)
        sums_RXW = op.Reshape(sums, ints(-1, cells * channels, width))
        cells_RXJ = op.MatMul(sums_RXW, op.Transpose(columns_RJW, perm=[0, 2, 1]))
        part = op.Reshape(cells_RXJ, ints(-1, cells, channels, cells))
        found = part if found is None else op.Add(found, part)
    return found


def _weights(start_R1: Any, end_R1: Any, cells: int, length: int) -> Any:
    """Return how much each position of an axis counts for each cell, (R, cells, length)."""
    samples = (np.arange(cells * SAMPLES, dtype=np.float32) + 0.5) / SAMPLES
    step_R1 = op.Mul(op.Sub(end_R1, start_R1), floats(1.0 / cells))
    point_RS = op.Add(start_R1, op.Mul(step_R1, tensor(samples[None])))
    inside_RS = op.And(
        op.GreaterOrEqual(point_RS, floats(-1.0)), op.LessOrEqual(point_RS, floats(float(length)))
    )
    place_RS = op.Min(op.Max(point_RS, floats(0.0)), floats(float(length - 1)))
    position_L = tensor(np.arange(length, dtype=np.float32))
    distance_RSL = op.Abs(op.Sub(op.Unsqueeze(place_RS, ints(2)), position_L))
    weight_RSL = op.Relu(op.Sub(floats(1.0), distance_RSL))
    counts_RS = op.Unsqueeze(op.Cast(inside_RS, to=1), ints(2))
    by_cell = op.Reshape(op.Mul(weight_RSL, counts_RS), ints(-1, cells, SAMPLES, length))
    return op.ReduceMean(by_cell, ints(2), keepdims=0)


def _align_by_operator(
    maps: Sequence[Any],
    boxes_R4: Any,
    level_R: Any,
    cells: int,
    strides: Sequence[int],
    aligned: bool,
) -> Any:
    if len(maps) == 1:
        found = _align(maps[0], boxes_R4, level_R, cells, strides[0], aligned)
    else:
        ends = ints(maps[0].shape[1], cells, cells)
        found = op.Expand(floats(0.0), op.Concat(op.Shape(level_R), ends, axis=0))
        for number, (level, stride) in enumerate(zip(maps, strides, strict=True)):
            here_1M = op.NonZero(op.Equal(level_R, op.Constant(value_int=number)))
            index_M = op.Squeeze(here_1M, ints(0))
            features = _align(level, op.Gather(boxes_R4, index_M), index_M, cells, stride, aligned)
            found = op.ScatterND(found, op.Unsqueeze(index_M, ints(1)), features)
    return op.Transpose(found, perm=[0, 2, 1, 3])


def _align(level: Any, boxes_M4: Any, like_M: Any, cells: int, stride: int, aligned: bool) -> Any:
    picture_M = op.Mul(like_M, op.Constant(value_int=0))
    return op.RoiAlign(
        level,
        boxes_M4,
        picture_M,
        coordinate_transformation_mode="half_pixel" if aligned else "output_half_pixel",
        mode="avg",
        output_height=cells,
        output_width=cells,
        sampling_ratio=SAMPLES,
        spatial_scale=1.0 / stride,
    )
