"""AP50 as the PASCAL VOC devkit defines it, for comparison with numbers of that challenge.

It differs from COCO's AP50 in two ways: a detection is judged by the object that it overlaps most,
even where that one is taken or difficult and another would do; and precision is integrated over
every recall that is reached, instead of read at 101 recalls (Everingham et al., The PASCAL Visual
Object Classes Challenge 2012 Development Kit, ``VOCevaldet.m`` and ``VOCap.m``).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smnas.data.annotations import Annotations
from smnas.data.dataset import DetectionDataset
from smnas.detector.contract import Prediction
from smnas.measure.predictions import check_predictions, require_objects

LEAST_OVERLAP = 0.5
Floats = NDArray[np.float64]


def has_difficult(dataset: DetectionDataset) -> bool:
    """Whether some of its objects are marked difficult, as VOC does."""
    return any(dataset.annotations(index).difficult is not None for index in range(len(dataset)))


def voc_ap50(dataset: DetectionDataset, predictions: Sequence[Prediction]) -> dict[str, float]:
    """Return AP50 of each category by its name, as VOC has it since 2010; their mean is its mAP.

    What overlaps an ignored object most counts neither way.

    Args:
        dataset: The pictures' objects. Categories without an object that counts are left out.
        predictions: One per picture, in the dataset's order.

    Raises:
        DataError: The set has no object to find, or the predictions do not fit it.
    """
    require_objects(dataset)
    check_predictions(dataset, predictions)
    objects = [dataset.annotations(index) for index in range(len(dataset))]
    values: dict[str, float] = {}
    for label, category in enumerate(dataset.categories):
        to_find = sum(int((item.objects & (item.labels == label)).sum()) for item in objects)
        if to_find:
            verdicts_D2, scores_D = _judge_all(objects, predictions, label, category.id)
            order = np.argsort(-scores_D, kind="stable")
            values[category.name] = _area_under(verdicts_D2[order], to_find)
    return values


def _judge_all(
    objects: Sequence[Annotations], predictions: Sequence[Prediction], label: int, category_id: int
) -> tuple[Floats, Floats]:
    """Return the verdict on each detection of a category, and its score."""
    verdicts: list[Floats] = [np.zeros((0, 2))]
    scores: list[Floats] = [np.zeros(0)]
    for item, prediction in zip(objects, predictions, strict=True):
        mine_D, mine_G = prediction.labels == category_id, item.labels == label
        scores_D = prediction.scores[mine_D].astype(np.float64)
        order = np.argsort(-scores_D, kind="stable")
        verdicts.append(
            _judge(
                prediction.boxes_xyxy[mine_D][order].astype(np.float64),
                item.boxes_xyxy[mine_G].astype(np.float64),
                item.ignore[mine_G],
            )
        )
        scores.append(scores_D[order])
    return np.concatenate(verdicts), np.concatenate(scores)


def _judge(boxes_D4: Floats, boxes_G4: Floats, ignore_G: NDArray[np.bool_]) -> Floats:
    """Return D x 2, hit and false alarm, for the detections of one picture, best score first."""
    verdicts_D2 = np.zeros((len(boxes_D4), 2))
    if not len(boxes_G4):
        verdicts_D2[:, 1] = 1.0
        return verdicts_D2
    overlap_DG = _iou(boxes_D4, boxes_G4)
    found_G = np.zeros(len(boxes_G4), np.bool_)
    for row, nearest in enumerate(overlap_DG.argmax(axis=1)):
        near = overlap_DG[row, nearest] >= LEAST_OVERLAP
        if near and ignore_G[nearest]:
            continue
        hit = bool(near and not found_G[nearest])
        verdicts_D2[row] = hit, not hit
        found_G[nearest] |= hit
    return verdicts_D2


def _iou(boxes_D4: Floats, boxes_G4: Floats) -> Floats:
    left_top = np.maximum(boxes_D4[:, None, :2], boxes_G4[None, :, :2])
    right_bottom = np.minimum(boxes_D4[:, None, 2:], boxes_G4[None, :, 2:])
    overlap_DG = np.clip(right_bottom - left_top, 0.0, None).prod(axis=2)
    areas_D, areas_G = (
        np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (boxes_D4, boxes_G4)
    )
    return overlap_DG / np.maximum(areas_D[:, None] + areas_G - overlap_DG, 1e-12)


def _area_under(verdicts_D2: Floats, to_find: int) -> float:
    """Return the area under the best precision at each recall or a higher one."""
    hits_D, alarms_D = np.cumsum(verdicts_D2, axis=0).T
    precision_D = hits_D / np.maximum(hits_D + alarms_D, 1.0)
    envelope_D = np.maximum.accumulate(precision_D[::-1])[::-1]
    return float((envelope_D * verdicts_D2[:, 0]).sum() / to_find)
