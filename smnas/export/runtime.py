"""What runs an exported file: a literal table of runtimes, each imported when it is asked for.

A runtime turns a file's content into a function from a picture to boxes, scores and labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.data.picture import AnyPicture, as_picture, check_picture
from smnas.data.predictor import PicturePredictor
from smnas.detector.contract import Prediction
from smnas.errors import ConfigError, RuntimeMissingError, WeightsError, nearest
from smnas.export.frame import OUTPUTS, PICTURE, make_portable
from smnas.export.onnx_file import OnnxFile, read_onnx

Run = Callable[[NDArray[np.uint8]], Sequence[NDArray[Any]]]
"""A picture to boxes, scores and labels."""


class ExportedDetector(PicturePredictor):
    """An exported file in a runtime; predicts as ``TrainedDetector`` does.

    Attributes:
        arch: What the network is.
        categories: By label, with ids as the data named them.
        precision: Of the file.
    """

    def __init__(self, file: OnnxFile, run: Run) -> None:
        """Take a file that was checked, and what runs it."""
        self.arch: DetectorArch = file.arch
        self.categories: tuple[Category, ...] = file.categories
        self.precision = file.precision
        self._run = run

    def _predict_one(self, picture: AnyPicture, score: float | None) -> Prediction:
        picture_HW3 = as_picture(picture)
        check_picture(picture_HW3)
        boxes, scores, labels = self._run(np.ascontiguousarray(picture_HW3))
        if score is not None:
            kept = scores >= score
            boxes, scores, labels = boxes[kept], scores[kept], labels[kept]
        return Prediction(boxes_xyxy=boxes, scores=scores, labels=labels)


def load_onnx(
    path: str | Path, runtime: str = "onnxruntime", threads: int | None = None
) -> ExportedDetector:
    """Return the detector in an exported file, ready to look at pictures.

    Args:
        path: What ``export_model`` made.
        runtime: A name in ``RUNTIMES``.
        threads: To compute with on a CPU; None: as many as torch has been given.

    Raises:
        WeightsError: Not such a file; see ``read_onnx``.
        ConfigError: No such runtime.
        RuntimeMissingError: It is not installed, or its device is not there.
    """
    require_runtime(runtime)
    return start(read_onnx(Path(path)), Path(path), runtime, threads)


def start(
    file: OnnxFile, path: Path, runtime: str = "onnxruntime", threads: int | None = None
) -> ExportedDetector:
    """Return the detector in a file that was checked; see ``load_onnx``."""
    run = RUNTIMES[runtime].start(path, file, threads or torch.get_num_threads())
    return ExportedDetector(file, run)


def require_runtime(name: str) -> None:
    """Make sure that a runtime of this name is there.

    Raises:
        ConfigError: There is none of this name.
        RuntimeMissingError: It is not installed, or its device is not there.
    """
    if name not in RUNTIMES:
        raise ConfigError(f"runtime {name!r} does not exist; {nearest(name, RUNTIMES)}")
    RUNTIMES[name].require()


@dataclass(frozen=True)
class FileRuntime:
    """What can run an exported file.

    Attributes:
        require: Raises ``RuntimeMissingError`` where it is not there.
        start: Gets the file ready to run: path (for messages), content, threads.
    """

    require: Callable[[], None]
    start: Callable[[Path, OnnxFile, int], Run]


def _onnxruntime(provider: str, extra: str | None) -> FileRuntime:
    def require() -> None:
        import onnxruntime

        found = onnxruntime.get_available_providers()
        if provider not in found:
            raise RuntimeMissingError(
                f"expected onnxruntime with {provider}; this one has {', '.join(found)}; install "
                f"the extra with `pip install 'smnas[{extra}]'` on a machine with such a device"
            )

    def start(path: Path, file: OnnxFile, threads: int) -> Run:
        return _start_onnxruntime(path, file, threads, provider)

    return FileRuntime(require, start)


def _start_onnxruntime(path: Path, file: OnnxFile, threads: int, provider: str) -> Run:
    import onnxruntime

    errors: Any = import_module("onnxruntime.capi.onnxruntime_pybind11_state")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    refused = (
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
        errors.RuntimeException,
    )
    try:
        session: Any = onnxruntime.InferenceSession(file.content, options, providers=[provider])
    except refused as error:
        raise WeightsError(f"{path}: onnxruntime cannot run it: {error}") from None
    # A device that cannot be opened is replaced by the CPU with no more than a warning.
    if session.get_providers()[0] != provider:
        raise RuntimeMissingError(
            f"onnxruntime has {provider}, but cannot open a device for it; see its own messages "
            "above; `--runtime onnxruntime` runs on the CPU"
        )
    return lambda picture_HW3: session.run(list(OUTPUTS), {PICTURE: picture_HW3})


def _require_openvino() -> None:
    try:
        import_module("openvino")
    except ImportError:
        raise RuntimeMissingError(
            "the runtime openvino is not installed; install the extra with "
            "`pip install 'smnas[openvino]'`"
        ) from None


def _start_openvino(path: Path, file: OnnxFile, threads: int) -> Run:
    """OpenVINO's antialiased resizing is another one: up to 80 grey levels from torch's."""
    import openvino

    model = make_portable(onnx.load_model_from_string(file.content), file.arch.input)

    core = openvino.Core()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    try:
        compiled = core.compile_model(
            core.read_model(model.SerializeToString(), b""), "CPU", settings
        )
    except RuntimeError as error:
        raise WeightsError(f"{path}: OpenVINO cannot run it: {error}") from None
    request = compiled.create_infer_request()

    def run(picture_HW3: NDArray[np.uint8]) -> list[NDArray[Any]]:
        request.infer({PICTURE: picture_HW3})
        return [request.get_tensor(name).data.copy() for name in OUTPUTS]

    return run


RUNTIMES = {
    "onnxruntime": _onnxruntime("CPUExecutionProvider", None),
    "openvino": FileRuntime(_require_openvino, _start_openvino),
    "onnxruntime-cuda": _onnxruntime("CUDAExecutionProvider", "cuda"),
    "tensorrt": _onnxruntime("TensorrtExecutionProvider", "tensorrt"),
}
"""What can run an exported file. Torch's own are in ``smnas.experiment.artifact``."""
