"""AP of a set of pictures, each with its interval; two detectors compared on the same pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from faster_coco_eval import COCO, COCOeval_faster

from smnas.data.dataset import DetectionDataset
from smnas.detector.contract import Prediction
from smnas.measure.bootstrap import (
    METRICS,
    Floats,
    Interval,
    Weights,
    draw_weights,
    percentile_interval,
    weighted_ap,
)
from smnas.measure.hits import find_hits
from smnas.measure.metric import weighted_metric
from smnas.measure.predictions import check_predictions, predict_all, require_objects
from smnas.measure.protocol import (
    TORCH_EAGER,
    Predictor,
    Runtime,
    describe_device,
    library_versions,
)
from smnas.measure.voc_ap import has_difficult
from smnas.trial.measurement import AccuracyProtocol, Measurement, Split


@dataclass(frozen=True)
class AccuracyResult:
    """AP of one detector on one set, and the predictions that it comes from."""

    measurements: tuple[Measurement, ...]
    """``ap``, ``ap50``, ``ap75``, ``ap_small``, ``ap_medium``, ``ap_large``, and what was asked for
    beside them; a size or class that the set does not have is left out."""
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class Difference:
    """By how much one detector is better than another on the same pictures."""

    metric: str
    value: float
    """The first one's value minus the second one's."""
    interval: Interval | None

    @property
    def means_something(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval is not None and not self.interval.low <= 0.0 <= self.interval.high


def measure_accuracy(
    predictor: Predictor,
    dataset: DetectionDataset,
    split: Split,
    device: torch.device | str,
    *,
    runtime: Runtime = TORCH_EAGER,
    further: Sequence[str] = (),
    replicates: int = 1000,
    progress: Callable[[int, int], None] | None = None,
) -> AccuracyResult:
    """Predict every picture of ``dataset``, one at a time, and judge what was found.

    Args:
        predictor: What is measured.
        dataset: The pictures.
        split: Which part of the data they are, for the protocol.
        device: Where the predictor runs, for the protocol.
        runtime: What runs it, for the protocol.
        further: Accuracies to measure beside COCO's, as in ``metric.weighted_metric``.
        replicates: Sets of pictures drawn for the intervals, the same for all detectors.
        progress: Told how many pictures are done, and of how many.

    Returns:
        Measurements and predictions.

    Raises:
        DataError: The set has no object to find, or the predictor's results cannot be judged.
    """
    return evaluate_detections(
        dataset,
        predict_all(predictor, dataset, progress),
        split,
        device,
        runtime=runtime,
        further=further,
        replicates=replicates,
    )


def evaluate_detections(
    dataset: DetectionDataset,
    predictions: Sequence[Prediction],
    split: Split,
    device: torch.device | str,
    *,
    runtime: Runtime = TORCH_EAGER,
    further: Sequence[str] = (),
    replicates: int = 1000,
    folds: int = 1,
) -> AccuracyResult:
    """Judge predictions by COCO's metrics, each with a 95 % bootstrap interval over pictures.

    Values are those of faster-coco-eval; sizes are those of the boxes, since the data has no masks.
    The interval says how far another draw of as many pictures would move the number, not how far
    another training would. A single picture gives no interval.

    Args:
        dataset: The pictures' objects; ignored ones count neither way.
        predictions: One per picture, in the dataset's order.
        split: Which part of the data this is, for the protocol.
        device: Where the predictions were computed, for the protocol.
        runtime: What computed them, for the protocol.
        further: Accuracies to measure beside COCO's.
        replicates: Sets of pictures drawn for the intervals.
        folds: How many trainings the predictions come from, for the protocol.

    Raises:
        DataError: The set has no object to find, or the predictions do not fit it.
    """
    protocol = AccuracyProtocol(
        runtime=runtime.name,
        precision=runtime.precision,
        device=describe_device(device),
        split=split,
        data_id=dataset.data_id,
        pictures=len(dataset),
        replicates=replicates,
        folds=folds,
        versions=library_versions(),
    )
    weights_BP = draw_weights(len(dataset), replicates, seed=0)
    found = _values_and_replicates(dataset, predictions, further, weights_BP)
    measurements: list[Measurement] = []
    for metric, (value, drawn_B) in found.items():
        interval = percentile_interval(drawn_B) if len(dataset) > 1 else None
        measurements.append(
            Measurement(
                metric=metric,
                value=value,
                unit="1",
                interval=(interval.low, interval.high) if interval else None,
                protocol=protocol,
            )
        )
    return AccuracyResult(tuple(measurements), tuple(predictions))


def _values_and_replicates(
    dataset: DetectionDataset,
    predictions: Sequence[Prediction],
    further: Sequence[str],
    weights_BP: Weights,
) -> dict[str, tuple[float, Floats]]:
    """Return each accuracy that the set has objects for, and what re-drawn sets give."""
    hits, once_1P = find_hits(dataset, predictions), np.ones((1, len(dataset)), np.float32)
    drawn: dict[str, Floats] = dict(zip(METRICS, weighted_ap(hits, weights_BP), strict=True))
    values: dict[str, float | None] = dict(coco_ap(dataset, predictions))
    for name in further:
        if name not in drawn:
            value = float(weighted_metric(name, dataset.categories, hits, once_1P)[0])
            values[name] = None if np.isnan(value) else value
            drawn[name] = weighted_metric(name, dataset.categories, hits, weights_BP)
    return {name: (value, drawn[name]) for name, value in values.items() if value is not None}


def paired_difference(
    dataset: DetectionDataset,
    predictions_a: Sequence[Prediction],
    predictions_b: Sequence[Prediction],
    *,
    further: Sequence[str] = (),
    replicates: int = 1000,
    seed: int = 0,
) -> dict[str, Difference]:
    """Compare two detectors on the same pictures, so that hard pictures are hard for both.

    Returns:
        By metric: the value of ``a`` minus that of ``b``, with its 95 % interval.

    Raises:
        DataError: The set has no object to find, or the predictions do not fit it.
    """
    weights_BP = draw_weights(len(dataset), replicates, seed)
    found_a = _values_and_replicates(dataset, predictions_a, further, weights_BP)
    found_b = _values_and_replicates(dataset, predictions_b, further, weights_BP)
    differences: dict[str, Difference] = {}
    for metric, (a, drawn_a) in found_a.items():
        if metric in found_b:
            b, drawn_b = found_b[metric]
            interval = percentile_interval(drawn_a - drawn_b) if len(dataset) > 1 else None
            differences[metric] = Difference(metric, a - b, interval)
    return differences


def redraw(
    dataset: DetectionDataset,
    predictions: Sequence[Prediction],
    names: Sequence[str],
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> dict[str, Floats]:
    """Return accuracies, as in ``metric.weighted_metric``, on sets drawn from the pictures.

    The sets follow from the seed alone: the n-th values of two detectors are of the same pictures.

    Raises:
        DataError: The predictions do not fit the dataset.
    """
    hits = find_hits(dataset, predictions)
    weights_BP = draw_weights(len(dataset), replicates, seed)
    return {name: weighted_metric(name, dataset.categories, hits, weights_BP) for name in names}


def coco_ap(
    dataset: DetectionDataset, predictions: Sequence[Prediction]
) -> dict[str, float | None]:
    """Return COCO's metrics by name, as faster-coco-eval computes them.

    It knows no ignored objects but crowds: where objects are difficult, the metrics are ours, which
    are equal to 1e-9 otherwise.

    Returns:
        A value for each of ``bootstrap.METRICS``; None where the set has no object of that size.

    Raises:
        DataError: The set has no object to find, or the predictions do not fit it.
    """
    require_objects(dataset)
    check_predictions(dataset, predictions)
    if has_difficult(dataset):
        once = np.ones((1, len(dataset)), np.float32)
        own = weighted_ap(find_hits(dataset, predictions), once)[:, 0].tolist()
        return {name: None if np.isnan(x) else x for name, x in zip(METRICS, own, strict=True)}
    truth = COCO(_truth(dataset))
    judge = COCOeval_faster(truth, truth.loadRes(_results(predictions)), "bbox")
    judge.run()
    stats = np.asarray(judge.stats[: len(METRICS)], np.float64).tolist()
    return {name: None if x < 0 else x for name, x in zip(METRICS, stats, strict=True)}


def _truth(dataset: DetectionDataset) -> dict[str, Any]:
    """Return the objects as COCO JSON; pictures and boxes are numbered from 1."""
    annotations: list[dict[str, Any]] = []
    ids = [category.id for category in dataset.categories]
    for index in range(len(dataset)):
        item = dataset.annotations(index)
        boxes = _xywh(item.boxes_xyxy)
        for box, label, ignore in zip(boxes, item.labels, item.ignore, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": ids[label],
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": int(ignore),  # never difficult: those do not come here
                }
            )
    images = [
        {"id": index + 1, "width": size[0], "height": size[1]}
        for index, size in enumerate(map(dataset.picture_size, range(len(dataset))))
    ]
    categories = [{"id": item.id, "name": item.name} for item in dataset.categories]
    return {"images": images, "annotations": annotations, "categories": categories}


def _results(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    return [
        {"image_id": index + 1, "category_id": label, "bbox": box, "score": score}
        for index, item in enumerate(predictions)
        for label, box, score in zip(
            item.labels.tolist(), _xywh(item.boxes_xyxy), item.scores.tolist(), strict=True
        )
    ]


def _xywh(boxes_xyxy: np.ndarray[Any, np.dtype[np.float32]]) -> list[list[float]]:
    boxes = boxes_xyxy.astype(np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).tolist()
