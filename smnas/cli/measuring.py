"""Measure a trained detector: accuracy per split, time, cost. Imports torch."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from smnas.data.dataset import DetectionDataset
from smnas.experiment.judging import Artifact, make_artifact, time_artifact
from smnas.experiment.threads import one_core_left
from smnas.export.runtime import ExportedDetector
from smnas.measure.accuracy import measure_accuracy
from smnas.measure.cost import count_cost
from smnas.measure.metric import class_metrics
from smnas.measure.protocol import Runtime
from smnas.measure.voc_ap import has_difficult, voc_ap50
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.measurement import Measurement, Split


def measure_splits(
    trained: TrainedDetector | ExportedDetector,
    splits: Mapping[Split, DetectionDataset | None],
    device: str,
    runtime: str = "torch-eager",
    file: Path | None = None,
    further: tuple[str, ...] = (),
) -> tuple[Measurement, ...]:
    """Return accuracy on each split that is there, then time and cost, of the form that ships.

    Args:
        trained: The detector; in torch its batch norms are folded in place, as when it ships.
        splits: Pictures by the name of their split; the first that is there is timed as well.
        device: Where torch computes.
        runtime: What accuracy and time are taken in.
        file: The exported file that ``trained`` is, or where it is exported to.
        further: Accuracies to measure beside COCO's and those of classes.

    Raises:
        ExportError: The file does not find what the network finds.
        DataError: A picture cannot be read, or the data lacks a category that was found.
    """
    found: list[Measurement] = []
    shown: dict[Split, DetectionDataset] = {
        split: dataset for split, dataset in splits.items() if dataset is not None
    }
    first = next(iter(shown.values()))
    with one_core_left(), tempfile.TemporaryDirectory() as passing:  # as a search measures
        place = file or Path(passing) / "detector.onnx"
        if isinstance(trained, ExportedDetector):
            artifact = Artifact(trained, Runtime(runtime, trained.precision), place)
        else:
            artifact = make_artifact(trained, runtime, place, first, ships=True)
        for split, dataset in shown.items():
            found += _measure_one(artifact, dataset, split, device, further)
        found += time_artifact(artifact, first.read(0)[0], device)
    return (*found, *count_cost(trained.arch, len(trained.categories)))


def _measure_one(
    artifact: Artifact,
    dataset: DetectionDataset,
    split: Split,
    device: str,
    further: tuple[str, ...],
) -> tuple[Measurement, ...]:
    """Return COCO's metrics and each class's AP; of difficult objects VOC's own AP50 too."""
    result = measure_accuracy(
        artifact.predictor,
        dataset,
        split,
        device,
        runtime=artifact.runtime,
        further=tuple(dict.fromkeys((*class_metrics(dataset.categories), *further))),
    )
    if not has_difficult(dataset):
        return result.measurements
    by_class = voc_ap50(dataset, result.predictions)
    own = Measurement(
        metric="ap50_voc",
        value=sum(by_class.values()) / len(by_class),
        unit="1",
        protocol=result.measurements[0].protocol,
    )
    return (*result.measurements, own)
