"""What stands around the network in a file: a picture of any size in, its own pixels out.

Written in ONNX's text form. The arithmetic is that of ``data.picture``: sizes in float64, resizing
with antialiasing and normalisation in float32.
"""

from collections.abc import Iterable, Sequence

import onnx
import onnx.parser

from smnas.arch.parts import InputSize
from smnas.data.dataset import Category
from smnas.data.picture import MEAN_RGB, STD_RGB
from smnas.export.capture import FOUND
from smnas.export.nodes import OPSET

PICTURE = "picture"
OUTPUTS = ("boxes_xyxy", "scores", "labels")
IR_VERSION = 10

_FIT = """
fit (uint8[height, width, 3] picture) => (float[1, 3, {height}, {width}] image,
                                          double[4] factors, double[4] limits) {{
    sides = Shape <start = 0, end = 2> (picture)
    sides_double = Cast <to = 11> (sides)
    room = Constant <value = double[2] {{{room}}}> ()
    ratios = Div (room, sides_double)
    scale = ReduceMin <keepdims = 1> (ratios)
    scaled = Mul (sides_double, scale)
    rounded = Round (scaled)
    one = Constant <value = double[1] {{1.0}}> ()
    fitted_double = Max (rounded, one)
    fitted = Cast <to = 7> (fitted_double)

    planes = Transpose <perm = [2, 0, 1]> (picture)
    first = Constant <value_ints = [0]> ()
    bytes = Unsqueeze (planes, first)
    batch = Cast <to = 1> (bytes)
    {resize}
    factor = Constant <value = float[1, 3, 1, 1] {{{factor}}}> ()
    shift = Constant <value = float[1, 3, 1, 1] {{{shift}}}> ()
    scaled_values = Mul (resized, factor)
    normalised = Sub (scaled_values, shift)

    whole = Constant <value_ints = [{height}, {width}]> ()
    missing = Sub (whole, fitted)
    nowhere = Constant <value_ints = [0, 0, 0, 0, 0, 0]> ()
    pads = Concat <axis = 0> (nowhere, missing)
    padded = Pad (normalised, pads)
    shape = Constant <value_ints = [1, 3, {height}, {width}]> ()
    image = Reshape (padded, shape)

    moved_rows_columns = Div (fitted_double, sides_double)
    x_y_x_y = Constant <value_ints = [1, 0, 1, 0]> ()
    factors = Gather (moved_rows_columns, x_y_x_y)
    limits = Gather (sides_double, x_y_x_y)
}}
"""

_RESIZE = """
    batch_and_colours = Constant <value_ints = [1, 3]> ()
    sizes = Concat <axis = 0> (batch_and_colours, fitted)
    resized = Resize <mode = "linear", antialias = 1, exclude_outside = 1,
                      coordinate_transformation_mode = "half_pixel"> (batch, , , sizes)
"""

_AXIS = """
    {axis}_place = Constant <value_ints = [{place}]> ()
    {axis}_in_1 = Gather (sides_double, {axis}_place)
    {axis}_out_1 = Gather (fitted_double, {axis}_place)
    {axis}_in = Squeeze ({axis}_in_1)
    {axis}_out = Squeeze ({axis}_out_1)
    {axis}_scale = Div ({axis}_in, {axis}_out)
    {axis}_support = Max ({axis}_scale, unit)
    {axis}_from = Range (nothing, {axis}_in, unit)
    {axis}_to = Range (nothing, {axis}_out, unit)
    {axis}_to_centres = Add ({axis}_to, half)
    {axis}_mapped = Mul ({axis}_to_centres, {axis}_scale)
    {axis}_from_centres = Add ({axis}_from, half)
    {axis}_second = Constant <value_ints = [1]> ()
    {axis}_rows = Unsqueeze ({axis}_mapped, {axis}_second)
    {axis}_apart = Sub ({axis}_from_centres, {axis}_rows)
    {axis}_distance = Abs ({axis}_apart)
    {axis}_share = Div ({axis}_distance, {axis}_support)
    {axis}_height = Sub (unit, {axis}_share)
    {axis}_triangle = Max ({axis}_height, nothing)
    {axis}_sum = ReduceSum <keepdims = 1> ({axis}_triangle, {axis}_second)
    {axis}_weights = Div ({axis}_triangle, {axis}_sum)
    {axis}_matrix = Cast <to = 1> ({axis}_weights)
"""

_PORTABLE_RESIZE = f"""
    unit = Constant <value = double {{1.0}}> ()
    half = Constant <value = double {{0.5}}> ()
    nothing = Constant <value = double {{0.0}}> ()
    {_AXIS.format(axis="down", place=0)}
    {_AXIS.format(axis="right", place=1)}
    shrunk = MatMul (down_matrix, batch)
    right_turned = Transpose <perm = [1, 0]> (right_matrix)
    resized = MatMul (shrunk, right_turned)
"""
"""The same as two matrix products, for runtimes whose own operator computes something else."""

_UNFIT = """
unfit (float[found, 4] {boxes}, float[found] {scores}, int64[found] {labels}, bool[found] {valid},
       double[4] factors, double[4] limits)
    => (float[detections, 4] boxes_xyxy, float[detections] scores, int64[detections] labels) {{
    places = NonZero ({valid})
    first_axis = Constant <value_ints = [0]> ()
    kept = Squeeze (places, first_axis)
    kept_boxes = Gather ({boxes}, kept)
    kept_double = Cast <to = 11> (kept_boxes)
    unfitted = Div (kept_double, factors)
    zero = Constant <value = double {{0.0}}> ()
    above = Max (unfitted, zero)
    inside = Min (above, limits)
    boxes_xyxy = Cast <to = 1> (inside)
    scores = Gather ({scores}, kept)
    classes = Gather ({labels}, kept)
    category_ids = Constant <value_ints = [{ids}]> ()
    labels = Gather (category_ids, classes)
}}
"""


def make_fitting(size: InputSize, portable: bool = False) -> onnx.ModelProto:
    """Return the graph from ``picture`` to ``image``, and what boxes are taken back with.

    Args:
        size: The network's input.
        portable: Resize by matrix products, which every runtime computes alike; they take longer
            for large pictures than onnxruntime's operator.
    """
    height, width = size.padded
    text = _FIT.format(
        resize=_PORTABLE_RESIZE if portable else _RESIZE,
        height=height,
        width=width,
        room=f"{float(size.height)}, {float(size.width)}",
        factor=_numbers(1 / (255.0 * std) for std in STD_RGB),
        shift=_numbers(mean / std for mean, std in zip(MEAN_RGB, STD_RGB, strict=True)),
    )
    return _parse(text)


def make_portable(model: onnx.ModelProto, size: InputSize) -> onnx.ModelProto:
    """Return a copy of an exported model whose pictures are resized by matrix products."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    before = {name for node in make_fitting(size).graph.node for name in node.output}
    kept = [node for node in changed.graph.node if not before.intersection(node.output)]
    del changed.graph.node[:]
    changed.graph.node.extend([*make_fitting(size, portable=True).graph.node, *kept])
    return changed


def make_unfitting(categories: Sequence[Category]) -> onnx.ModelProto:
    """Return the graph from what the network finds to ``OUTPUTS``."""
    boxes, scores, labels, valid = FOUND
    ids = ", ".join(str(category.id) for category in categories)
    return _parse(_UNFIT.format(boxes=boxes, scores=scores, labels=labels, valid=valid, ids=ids))


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.17g}" for value in values)


def _parse(text: str) -> onnx.ModelProto:
    header = f'<ir_version: {IR_VERSION}, opset_import: ["": {OPSET}]>'
    return onnx.parser.parse_model(header + text)
