"""What operators of the network that ONNX's exporter cannot translate are in a file.

The exporter calls these functions while it translates; each emits nodes. Pictures come one by one
(B is 1). Tensor letters: N candidates, K labels, M those of one level.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from smnas.detector.postprocess import SUPPRESS
from smnas.detector.roi_align import ALIGN_ROIS
from smnas.export.nodes import floats, ints, op
from smnas.export.roi_nodes import align_rois


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Any:
    """A convolution without a bias stays one; the exporter's own gets a computed bias of zeros."""
    inputs = (input, weight) if bias is None else (input, weight, bias)
    return op.Conv(
        *inputs,
        strides=list(stride),
        pads=[*padding, *padding],
        dilations=list(dilation),
        group=groups,
    )


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """One node with the weights as they are stored, which quantisation knows as a layer."""
    *rows, features = input.shape
    flat = op.Reshape(input, ints(-1, features))
    inputs = (flat, weight) if bias is None else (flat, weight, bias)
    outputs = op.Gemm(*inputs, transB=1)
    return op.Reshape(outputs, ints(*rows, weight.shape[0]))


def cast_to(
    input: Any,
    dtype: int,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: int | None = None,
) -> Any:
    """A cast, which needs no taking apart."""
    return op.Cast(input, to=dtype)


def group_norm(
    input: Any,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    """Norm of groups as that of instances: onnxruntime has no kernel for ONNX's own operator."""
    channels = input.shape[1]
    groups = op.Reshape(input, ints(0, num_groups, -1))
    ones = floats(*[1.0] * num_groups)
    zeros = floats(*[0.0] * num_groups)
    normed = op.InstanceNormalization(groups, ones, zeros, epsilon=eps)
    back = op.Reshape(normed, ints(*input.shape))
    per_channel = ints(channels, 1, 1)
    scaled = op.Mul(back, op.Reshape(weight, per_channel))
    return op.Add(scaled, op.Reshape(bias, per_channel))


def suppress(
    boxes_1N4: Any, scores_1N: Any, labels_1N: Any, alive_1N: Any, max_iou: float, count: int
) -> Any:
    """NMS with a row of scores for each label: exact, where shifting boxes apart rounds them.

    ONNX's operator leaves out scores that are not above its threshold of 0. Boxes that are alive
    have scores above 0: ``keep_best`` asks for more than its threshold.
    """
    zero, one = op.Constant(value_int=0), op.Constant(value_int=1)
    labels = op.Add(op.ReduceMax(labels_1N, keepdims=0), one)
    label_K1 = op.Unsqueeze(op.Range(zero, labels, one), ints(1))
    counts_KN = op.And(op.Equal(label_K1, labels_1N), alive_1N)
    scores_KN = op.Where(counts_KN, scores_1N, op.Constant(value_float=0.0))
    kept_M3 = op.NonMaxSuppression(
        boxes_1N4,
        op.Unsqueeze(scores_KN, ints(0)),
        ints(count),
        floats(max_iou),
        floats(0.0),
    )
    index_M = op.Gather(kept_M3, op.Constant(value_int=2), axis=1)
    index_1M = op.Unsqueeze(index_M, ints(0))
    none_1N = op.And(alive_1N, op.Not(alive_1N))
    all_1M = op.Equal(index_1M, index_1M)
    return op.ScatterElements(none_1N, index_1M, all_1M, axis=1)


TRANSLATIONS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.conv2d.default: conv2d,
    torch.ops.aten.linear.default: linear,
    torch.ops.aten.to.dtype: cast_to,
    torch.ops.aten.group_norm.default: group_norm,
    SUPPRESS: suppress,
    ALIGN_ROIS: align_rois,
}
