"""Measure a trained detector: accuracy per split, time, cost. Imports torch."""

from collections.abc import Mapping

from smnas.data.dataset import DetectionDataset
from smnas.detector.norms import fold_batch_norms
from smnas.experiment.threads import one_core_left
from smnas.measure.accuracy import measure_accuracy
from smnas.measure.cost import count_cost
from smnas.measure.latency import measure_latency
from smnas.measure.metric import class_metrics
from smnas.measure.voc_ap import has_difficult, voc_ap50
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.measurement import Measurement, Split


def measure_splits(
    trained: TrainedDetector, splits: Mapping[Split, DetectionDataset | None], device: str
) -> tuple[Measurement, ...]:
    """Return accuracy on each split that is there, then time and cost, of the form that ships.

    Args:
        trained: The detector; its batch norms are folded in place, as when it ships.
        splits: Pictures by the name of their split; the first that is there is timed as well.
        device: Where to compute.

    Raises:
        DataError: A picture cannot be read, or the data lacks a category that was found.
    """
    fold_batch_norms(trained.detector.eval())
    found: list[Measurement] = []
    with one_core_left():  # as a search measures, so that the times can be compared
        for split, dataset in splits.items():
            if dataset is not None:
                found += _measure_one(trained, dataset, split, device)
        timed = next(dataset for dataset in splits.values() if dataset is not None)
        found.append(measure_latency(trained, timed.read(0)[0], device))
    return (*found, *count_cost(trained.detector.arch, len(trained.categories)))


def _measure_one(
    trained: TrainedDetector, dataset: DetectionDataset, split: Split, device: str
) -> tuple[Measurement, ...]:
    """Return COCO's metrics and each class's AP; of difficult objects VOC's own AP50 too."""
    result = measure_accuracy(
        trained, dataset, split, device, further=class_metrics(dataset.categories)
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
