"""One artifact, both numbers: what a trial's accuracy and time are taken from."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from smnas.arch import DetectorArch
from smnas.data.dataset import Category, DetectionDataset
from smnas.data.picture import Picture
from smnas.detector.build import build_detector
from smnas.detector.norms import fold_batch_norms
from smnas.errors import (
    ArchError,
    ExportError,
    MeasurementError,
    NotBuiltYetError,
    TrainingError,
    WeightsError,
)
from smnas.experiment.artifact import (
    TORCH_RUNTIMES,
    export,
    first_pictures,
    load,
    run_in_torch,
)
from smnas.export.onnx import export_model, write_model
from smnas.measure.file_latency import measure_latency_of_file
from smnas.measure.latency import measure_latency
from smnas.measure.protocol import Predictor, Runtime
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.measurement import Measurement

Alone = Callable[[], AbstractContextManager[None]]

THE_TRIALS_FAULT = (
    ArchError,
    ExportError,
    MeasurementError,
    NotBuiltYetError,
    TrainingError,
    WeightsError,
)
"""What makes a trial a failed one, and the search goes on."""
MOST_AT_A_TIME, POSITIONS_AT_A_TIME = 16, 16 * 160 * 160
"""Pictures that a candidate looks at together, and their pixels: small ones leave a processor idle
one by one, large ones take memory together."""


@dataclass(frozen=True)
class Artifact:
    """What predicts, and what runs it.

    Attributes:
        predictor: Finds objects.
        runtime: For the protocol.
        file: None where torch runs the weights.
        at_a_time: Pictures that are looked at together; what ships looks at one.
    """

    predictor: Predictor
    runtime: Runtime
    file: Path | None = None
    at_a_time: int = 1


def make_artifact(
    trained: TrainedDetector, runtime: str, file: Path, val: DetectionDataset, ships: bool
) -> Artifact:
    """Return the form of a trained detector that is judged.

    A candidate's own form never ships, and torch runs it whatever the runtime: a file of it would
    find the same, which is checked of those that ship.

    Args:
        trained: In torch its batch norms are folded in place, where it ships.
        runtime: A name in ``artifact.RUNTIME_NAMES``.
        file: Where it is exported to, unless torch runs it.
        val: Pictures that file and network are compared on.
        ships: Whether this is the form that ships, and not that of a candidate.

    Raises:
        ExportError: The file does not find what the network finds.
    """
    if not ships:
        size = trained.arch.input
        at_a_time = max(1, min(MOST_AT_A_TIME, POSITIONS_AT_A_TIME // (size.width * size.height)))
        return Artifact(trained, Runtime("torch-eager"), at_a_time=at_a_time)
    if runtime in TORCH_RUNTIMES:
        return Artifact(run_in_torch(trained, runtime), Runtime(runtime))
    export(trained, file, first_pictures(val), annotated=val)
    return open_artifact(file, runtime)


def open_artifact(file: Path, runtime: str) -> Artifact:
    """Return an exported file in a runtime; see ``artifact.load`` for errors."""
    detector = load(file, runtime=runtime)
    return Artifact(detector, Runtime(runtime), file)


def time_artifact(
    artifact: Artifact, picture: Picture, device: str, alone: Alone = nullcontext
) -> tuple[Measurement, ...]:
    """Return the time of one prediction: onnxruntime's on a CPU from fresh processes.

    Args:
        artifact: What predicts.
        picture: What it looks at.
        device: Where torch computes.
        alone: What keeps the machine quiet meanwhile.

    Raises:
        MeasurementError: The file does not run there.
    """
    with alone():
        if artifact.file is not None and artifact.runtime.name == "onnxruntime":
            threads = torch.get_num_threads()
            return measure_latency_of_file(artifact.file, picture, threads=threads)
        measured = measure_latency(artifact.predictor, picture, device, runtime=artifact.runtime)
        return (measured,)


def time_untrained(
    twin: TrainedDetector,
    runtime: str,
    picture: Picture,
    device: str,
    alone: Alone = nullcontext,
) -> tuple[Measurement, ...]:
    """Return the time of a network whose weights are random; its file is not kept.

    What it computes is nobody's, so it is not compared with anything.
    """
    if runtime in TORCH_RUNTIMES:
        artifact = Artifact(run_in_torch(twin, runtime), Runtime(runtime))
        return time_artifact(artifact, picture, device, alone)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "twin.onnx"
        write_model(export_model(twin.detector, twin.categories), file)
        return time_artifact(open_artifact(file, runtime), picture, device, alone)


def build_twin(
    shipped: DetectorArch, categories: Sequence[Category], device: str
) -> TrainedDetector:
    """Return the network that a candidate would ship as, BN folded; its weights are random.

    What it computes with them means nothing, but takes as long as the trained one.
    """
    detector = build_detector(shipped, len(categories), seed=0)
    fold_batch_norms(detector.eval())
    return TrainedDetector(detector, categories).to(device)
