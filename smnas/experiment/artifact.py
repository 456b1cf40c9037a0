"""The artifact: what accuracy and time are taken from. A file in a runtime, or torch itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch

from smnas.data.dataset import DetectionDataset
from smnas.data.picture import Picture
from smnas.detector.contract import Prediction
from smnas.detector.norms import fold_batch_norms, fold_weight_standards
from smnas.errors import ConfigError, RuntimeMissingError, nearest
from smnas.experiment.defaults import DEFAULT_RUNTIME
from smnas.experiment.package import read_package
from smnas.export.onnx import export_model, write_model
from smnas.export.onnx_file import check_onnx
from smnas.export.parity import PICTURES, MeasureAp, Parity, check_parity
from smnas.export.precision import to_half, to_int8
from smnas.export.runtime import (
    RUNTIMES,
    ExportedDetector,
    load_onnx,
    require_runtime,
    start,
)
from smnas.measure.accuracy import coco_ap
from smnas.training.trained_detector import TrainedDetector

TORCH_RUNTIMES = ("torch-eager", "torch-compile")
"""They run the weights; there is no file."""
RUNTIME_NAMES = (*RUNTIMES, *TORCH_RUNTIMES)
ONNX_SUFFIX = ".onnx"
CALIBRATION_PICTURES = 100
"""So many training pictures say what ranges int8 is given."""


def check_runtime(name: str) -> None:
    """Make sure that a runtime of this name is there.

    Raises:
        ConfigError: There is none of this name.
        RuntimeMissingError: It is not installed, or its device is not there.
    """
    if name not in RUNTIME_NAMES:
        raise ConfigError(f"runtime: {name!r} does not exist; {nearest(name, RUNTIME_NAMES)}")
    if name not in TORCH_RUNTIMES:
        require_runtime(name)


def is_exported(path: str | Path) -> bool:
    """Return whether a file is an exported one rather than weights, by its name."""
    return Path(path).suffix.lower() == ONNX_SUFFIX


def usual_runtime(path: str | Path) -> str:
    """Return what runs a file, or a front package, where nothing else is said."""
    return DEFAULT_RUNTIME if is_exported(path) or Path(path).is_dir() else "torch-eager"


def load(
    path: str | Path, device: torch.device | str = "cpu", runtime: str | None = None
) -> TrainedDetector | ExportedDetector:
    """Return the detector in a file or a front package, ready to look at pictures.

    Args:
        path: Weights (``.safetensors``), an exported file (``.onnx``), or the folder of a front
            package: then its exported file, or its weights where ``runtime`` is one of torch.
        device: Where weights compute.
        runtime: What runs an exported file; None: onnxruntime on the CPU.

    Raises:
        PackageError: A folder that is no front package, or not a whole one.
        WeightsError: No such file, truncated, another format, or not written by smnas.
        ConfigError: No such runtime.
        RuntimeMissingError: It is not installed, or its device is not there.
    """
    if Path(path).is_dir():
        package = read_package(path)
        if runtime in TORCH_RUNTIMES:
            return package.load_weights(device)
        return package.load_file(runtime or DEFAULT_RUNTIME)
    if is_exported(path):
        if runtime in TORCH_RUNTIMES:
            raise ConfigError(
                f"{path}: an exported file cannot run in {runtime}; name one of "
                f"{', '.join(RUNTIMES)}, or give the weights it was exported from"
            )
        return load_onnx(path, runtime or DEFAULT_RUNTIME)
    return TrainedDetector.load(path, device)


@dataclass(frozen=True)
class Export:
    """A file that was written, and how far it is from what it was made from.

    Attributes:
        path: The file.
        precision: ``float32``, ``float16`` or ``int8``.
        parity: Of the float32 form with the network.
        ap: AP (0-1) of the float32 form and of the file, where annotations were at hand.
    """

    path: Path
    precision: str
    parity: Parity
    ap: tuple[float, float] | None = None


def export(
    trained: TrainedDetector,
    path: Path,
    pictures: Sequence[Picture],
    *,
    annotated: DetectionDataset | None = None,
    precision: str = "float32",
    calibration: Sequence[Picture] = (),
) -> Export:
    """Write the detector as one ONNX file, if it computes what the network computes.

    Args:
        trained: What is exported; it stays as it is.
        path: The file.
        pictures: Real ones, that file and network are compared on.
        annotated: Pictures with annotations, where there are some: AP is compared on them too, and
            what fewer bits cost is taken from them.
        precision: ``float32``, ``float16`` or ``int8``.
        calibration: Pictures that int8's ranges come from.

    Raises:
        ExportError: The file computes something else; nothing is written.
    """
    model = export_model(trained.detector, trained.categories)
    measure_ap = None if annotated is None else _ap_on(annotated)
    parity = check_parity(
        model,
        trained.detector,
        _open(model, path).predict,
        trained.predict,
        pictures,
        measure_ap,
    )
    ap: tuple[float, float] | None = None
    if precision != "float32":
        model = to_half(model) if precision == "float16" else to_int8(model, calibration)
        if measure_ap is not None and parity.ap is not None:
            ap = (parity.ap[1], measure_ap(_open(model, path).predict))
    write_model(model, path)
    return Export(path, precision, parity, ap)


def first_pictures(dataset: DetectionDataset, count: int = PICTURES) -> list[Picture]:
    """Return pictures spread evenly over ``dataset``."""
    count = min(count, len(dataset))
    return [dataset.read(place * len(dataset) // count)[0] for place in range(count)]


def run_in_torch(trained: TrainedDetector, runtime: str) -> TrainedDetector:
    """Return ``trained`` in the form that ships, run by torch; batch norms are folded in place.

    Raises:
        RuntimeMissingError: ``torch.compile`` cannot compile here.
    """
    fold_batch_norms(trained.detector)
    fold_weight_standards(trained.detector)
    if runtime == "torch-compile":
        require_compiler()
        trained.detector.compile()
    return trained


def require_compiler() -> None:
    """Make sure that ``torch.compile`` works: on CPUs it needs a C++ compiler.

    Raises:
        RuntimeMissingError: It does not.
    """
    try:
        torch.compile(torch.relu_)(torch.ones(2) - 2)
    except (RuntimeError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise RuntimeMissingError(
            f"torch-compile: torch.compile does not work here ({reason}); on a CPU it needs a C++ "
            "compiler such as g++; the runtime torch-eager needs nothing"
        ) from None


def _open(model: onnx.ModelProto, path: Path) -> ExportedDetector:
    return start(check_onnx(path, model.SerializeToString()), path)


def _ap_on(dataset: DetectionDataset) -> MeasureAp:
    def measure(predict: Callable[[Picture], Prediction]) -> float:
        predictions = [predict(dataset.read(index)[0]) for index in range(len(dataset))]
        return coco_ap(dataset, predictions)["ap"] or 0.0

    return measure
