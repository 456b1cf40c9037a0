"""The predictions of a whole set: made, checked where they enter, kept as COCO results JSON."""

import json
from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError

from smnas.data.dataset import DetectionDataset
from smnas.detector.contract import Prediction
from smnas.errors import DataError
from smnas.measure.protocol import Predictor, PredictorOfMany


class _Result(BaseModel):
    """One detection in COCO's results format."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    image_id: int | str
    category_id: int
    bbox: tuple[
        FiniteFloat,
        FiniteFloat,
        Annotated[FiniteFloat, Field(ge=0)],
        Annotated[FiniteFloat, Field(ge=0)],
    ]
    """Left, top, width, height, in pixels of the picture."""
    score: FiniteFloat


_RESULTS = TypeAdapter(list[_Result])


def predict_all(
    predictor: Predictor,
    dataset: DetectionDataset,
    progress: Callable[[int, int], None] | None = None,
    at_a_time: int = 1,
) -> list[Prediction]:
    """Return what is found in every picture of ``dataset``.

    Args:
        predictor: What finds objects.
        dataset: The pictures.
        progress: Told how many pictures are done, and of how many.
        at_a_time: Pictures that are looked at together, where the predictor can do that.
    """
    predictions: list[Prediction] = []
    for first in range(0, len(dataset), at_a_time):
        last = min(first + at_a_time, len(dataset))
        pictures = [dataset.read(index)[0] for index in range(first, last)]
        if at_a_time > 1 and isinstance(predictor, PredictorOfMany):
            predictions += predictor.predict_together(pictures)
        else:
            predictions += map(predictor.predict, pictures)
        if progress is not None:
            progress(last, len(dataset))
    return predictions


def check_predictions(dataset: DetectionDataset, predictions: Sequence[Prediction]) -> None:
    """Make sure that ``predictions`` can be judged against ``dataset``.

    Raises:
        DataError: Not one prediction per picture, arrays that do not fit together, a number that is
            not finite, a box that runs backwards, or a category id that the data does not have.
    """
    if len(predictions) != len(dataset):
        raise DataError(
            f"data {dataset.name!r}: expected one prediction for each of its {len(dataset)} "
            f"pictures; got {len(predictions)}"
        )
    known = {category.id for category in dataset.categories}
    for index, prediction in enumerate(predictions):
        if cause := _fault(prediction, known):
            picture = dataset.picture_id(index)
            raise DataError(f"prediction for picture {picture!r} of {dataset.name!r}: {cause}")


def require_objects(dataset: DetectionDataset) -> int:
    """Return how many objects a detector should find in ``dataset``.

    Raises:
        DataError: There are none, and so no accuracy.
    """
    objects = sum(int(dataset.annotations(index).objects.sum()) for index in range(len(dataset)))
    if not objects:
        raise DataError(
            f"data {dataset.name!r}: its {len(dataset)} pictures have no object to find, so that "
            "accuracy has no meaning; check the annotations, or give other pictures to judge on"
        )
    return objects


def predictions_to_json(dataset: DetectionDataset, predictions: Sequence[Prediction]) -> str:
    """Return COCO results: a list of ``image_id``, ``category_id``, ``bbox`` (xywh) and ``score``.

    Picture and category ids are the data's own. ``predictions_from_json`` reads it back exactly.

    Args:
        dataset: The pictures that were predicted.
        predictions: One per picture, in the dataset's order.
    """
    rows: list[dict[str, object]] = []
    for index, prediction in enumerate(predictions):
        picture = dataset.picture_id(index)
        xywh_N4 = prediction.boxes_xyxy.astype(np.float64)
        xywh_N4[:, 2:] -= xywh_N4[:, :2]
        columns = (prediction.labels.tolist(), xywh_N4.tolist(), prediction.scores.tolist())
        for label, box, score in zip(*columns, strict=True):
            row: dict[str, object] = {
                "image_id": picture,
                "category_id": label,
                "bbox": box,
                "score": score,
            }
            rows.append(row)
    return json.dumps(rows)


def predictions_from_json(dataset: DetectionDataset, text: str | bytes) -> tuple[Prediction, ...]:
    """Return one prediction per picture of ``dataset``, in its order, from COCO results.

    Raises:
        DataError: Not COCO results, or of pictures or categories that the data does not have.
    """
    try:
        results = _RESULTS.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(
            "predictions: expected COCO results, a JSON list of image_id, category_id, bbox and "
            f"score; {place}: {first['msg']}"
        ) from None
    rows: dict[int | str, list[_Result]] = {
        dataset.picture_id(index): [] for index in range(len(dataset))
    }
    for result in results:
        if result.image_id not in rows:
            raise DataError(
                f"predictions: image_id {result.image_id!r} is no picture of {dataset.name!r}; "
                "give the data that was predicted"
            )
        rows[result.image_id].append(result)
    predictions = tuple(
        _from_results(rows[dataset.picture_id(index)]) for index in range(len(dataset))
    )
    check_predictions(dataset, predictions)
    return predictions


def _from_results(results: Sequence[_Result]) -> Prediction:
    xywh_N4 = np.array([result.bbox for result in results], np.float64).reshape(-1, 4)
    xywh_N4[:, 2:] += xywh_N4[:, :2]
    return Prediction(
        boxes_xyxy=xywh_N4.astype(np.float32),
        scores=np.array([result.score for result in results], np.float32),
        labels=np.array([result.category_id for result in results], np.int64),
    )


def _fault(prediction: Prediction, known: set[int]) -> str | None:
    """Return what is wrong with ``prediction``, or None."""
    boxes, scores, labels = prediction.boxes_xyxy, prediction.scores, prediction.labels
    count = len(scores)
    if boxes.shape != (count, 4) or scores.shape != (count,) or labels.shape != (count,):
        return (
            "expected N x 4 boxes, N scores and N labels; "
            f"got shapes {boxes.shape}, {scores.shape} and {labels.shape}"
        )
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        return "expected finite boxes and scores; got NaN or infinity"
    if (boxes[:, 2:] < boxes[:, :2]).any():
        return (
            "expected boxes as left, top, right, bottom; got one whose right or bottom comes first"
        )
    if strange := set(labels.tolist()) - known:
        return (
            f"expected the data's own category ids, {sorted(known)[:20]}; got {sorted(strange)[:5]}"
        )
    return None
