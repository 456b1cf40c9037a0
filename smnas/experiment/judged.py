"""Which detections a person would call right: the greedy rule at IoU 0.5, picture by picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import box_iou

from smnas.data.dataset import Annotations, Category, DetectionDataset
from smnas.detector.contract import Prediction

IOU = 0.5


@dataclass(frozen=True)
class Judged:
    """One picture's detections and objects, told apart.

    Attributes:
        prediction: The detections, best score first.
        hit_D: Which of them found an object.
        alarm_D: Which found none; what lies on an ignored object is neither.
        found_G: Which objects were found.
    """

    prediction: Prediction
    hit_D: NDArray[np.bool_]
    alarm_D: NDArray[np.bool_]
    found_G: NDArray[np.bool_]


def judge_picture(
    prediction: Prediction, annotations: Annotations, categories: Sequence[Category]
) -> Judged:
    """Return which detections hit: each takes the free object of its class with the highest IoU.

    Args:
        prediction: With the data's category ids.
        annotations: The picture's objects.
        categories: By label.
    """
    order = np.argsort(-prediction.scores, kind="stable")
    prediction = Prediction(
        prediction.boxes_xyxy[order], prediction.scores[order], prediction.labels[order]
    )
    ids = np.array([category.id for category in categories], dtype=np.int64)
    overlap_DG = box_iou(
        torch.as_tensor(prediction.boxes_xyxy).reshape(-1, 4),
        torch.as_tensor(annotations.boxes_xyxy).reshape(-1, 4),
    ).numpy()
    overlap_DG = np.where(
        (prediction.labels[:, None] == ids[annotations.labels][None, :]) & (overlap_DG >= IOU),
        overlap_DG,
        0.0,
    )
    hit_D = np.zeros(len(order), dtype=np.bool_)
    found_G = np.zeros(len(annotations), dtype=np.bool_)
    for row in range(len(order)):
        free_G = overlap_DG[row] * (annotations.objects & ~found_G)
        if free_G.size and free_G.max() > 0.0:
            hit_D[row] = True
            found_G[free_G.argmax()] = True
    on_ignored_D = (overlap_DG[:, annotations.ignore] > 0.0).any(axis=1)
    return Judged(prediction, hit_D, ~hit_D & ~on_ignored_D, found_G)


def best_score(dataset: DetectionDataset, predictions: Sequence[Prediction]) -> float:
    """Return the score above which detections serve best: the highest F1 over all pictures.

    Args:
        dataset: The pictures; take the validation split, so that test pictures stay unseen.
        predictions: One per picture.

    Returns:
        A score of one of the detections; 0 where there is nothing to judge.
    """
    judged = [
        judge_picture(prediction, dataset.annotations(index), dataset.categories)
        for index, prediction in enumerate(predictions)
    ]
    objects = sum(int(dataset.annotations(i).objects.sum()) for i in range(len(dataset)))
    counts = [item.hit_D | item.alarm_D for item in judged]
    scores = np.concatenate(
        [np.zeros(0), *(item.prediction.scores[c] for item, c in zip(judged, counts, strict=True))]
    )
    hits = np.concatenate(
        [np.zeros(0), *(item.hit_D[c] for item, c in zip(judged, counts, strict=True))]
    )
    if not objects or not hits.any():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(hits[order])
    f1 = 2 * true / (np.arange(1, len(order) + 1) + objects)
    return float(scores[order][f1.argmax()])
