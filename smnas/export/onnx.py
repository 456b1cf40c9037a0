"""A detector as one ONNX file: pictures in, detections in their own pixels out.

The contract of the file: one input ``picture``, uint8 [height, width, 3] of any size; outputs
``boxes_xyxy`` float32 [D, 4] in the picture's pixels, ``scores`` float32 [D] and ``labels`` int64
[D], the data's category ids, best first. Its metadata hold arch, categories and version.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from onnx import compose
from tqdm import tqdm

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.data.detector_file import PREFIX, write_metadata
from smnas.detector.build import build_detector
from smnas.detector.detector import Detector
from smnas.errors import ExportError
from smnas.export.capture import FOUND, IMAGE, DeployedNetwork, capture
from smnas.export.frame import IR_VERSION, OUTPUTS, make_fitting, make_unfitting

PRECISION_KEY = f"{PREFIX}precision"
MOST_BYTES = 2**31 - 2**20
"""What protobuf holds in one file."""
_SMALL = "64x64/basicblock_8_1-1-1-1/fpn-p2-p4-8/rpn/rcnn/fc=8/norm=gn-ws"
"""Its export meets nearly everything that others meet."""


def export_model(detector: Detector, categories: Sequence[Category]) -> onnx.ModelProto:
    """Return the detector as an ONNX model, in float32; ``detector`` stays as it is.

    Batch norms are folded, standardised weights are constants.

    Args:
        detector: In eval mode or not; on any device.
        categories: By label.

    Raises:
        ExportError: A part that torch's exporter cannot translate, or more than 2 GiB of weights.
    """
    if len(categories) != detector.num_classes:
        raise ExportError(
            f"{detector.arch}: expected {detector.num_classes} categories, got {len(categories)}"
        )
    return frame(capture(DeployedNetwork(detector)), detector, categories)


def warm_up() -> None:
    """Have built what exporting builds once, so that processes that are forked later find it there.

    Takes some seconds, and starts no thread where torch computes with one.
    """
    tqdm.monitor_interval = 0  # a progress bar of torch's would start a thread that watches it
    detector = build_detector(DetectorArch.parse(_SMALL), 1, seed=0)
    export_model(detector.eval(), [Category(1, "anything")])


def frame(
    network: onnx.ModelProto, detector: Detector, categories: Sequence[Category]
) -> onnx.ModelProto:
    """Return the captured network with picture fitting before it and unfitting behind it."""
    if network.ByteSize() > MOST_BYTES:
        raise ExportError(
            f"{detector.arch}: its weights are larger than the 2 GiB of one ONNX file"
        )
    network.ir_version = IR_VERSION
    del network.graph.value_info[:]
    fitting, unfitting = make_fitting(detector.arch.input), make_unfitting(categories)
    fitted = compose.merge_models(
        fitting, network, io_map=[(IMAGE, IMAGE)], outputs=[*FOUND, "factors", "limits"]
    )
    names = (*FOUND, "factors", "limits")
    model = compose.merge_models(
        fitted, unfitting, io_map=[(name, name) for name in names], outputs=list(OUTPUTS)
    )
    model.graph.name = "smnas"
    del model.opset_import[1:]  # merging lists the same one three times
    set_metadata(model, {**write_metadata(detector.arch, categories), PRECISION_KEY: "float32"})
    return model


def set_metadata(model: onnx.ModelProto, metadata: Mapping[str, str]) -> None:
    """Set some of the model's metadata, and leave the others as they are."""
    merged = {item.key: item.value for item in model.metadata_props} | dict(metadata)
    onnx.helper.set_model_props(model, merged)


def write_model(model: onnx.ModelProto, path: Path) -> None:
    """Write the file, whole or not at all; folders on the way are made.

    Raises:
        OSError: The folder cannot be written to, or the disk is full; what was there is kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(model.SerializeToString())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
