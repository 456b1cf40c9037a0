import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.detector.contract import Prediction
from smnas.errors import DataError
from smnas.measure.predictions import (
    check_predictions,
    predict_all,
    predictions_from_json,
    predictions_to_json,
    require_objects,
)


def same(one: Prediction, other: Prediction) -> bool:
    return (
        np.array_equal(one.boxes_xyxy, other.boxes_xyxy)
        and np.array_equal(one.scores, other.scores)
        and np.array_equal(one.labels, other.labels)
    )


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_json_is_exact_in_both_directions(build_dataset, build_predictions, seed):
    dataset = build_dataset(seed, 4)
    predictions = build_predictions(dataset, seed + 1, digits=9)
    again = predictions_from_json(dataset, predictions_to_json(dataset, predictions))
    assert all(map(same, predictions, again))
    assert [item.boxes_xyxy.dtype for item in again] == [np.float32] * 4


class _Counted:
    """Finds a box as wide as the picture number; says how many pictures came together."""

    def __init__(self):
        self.seen, self.calls = 0, []

    def predict(self, picture_HW3):
        self.calls.append(1)
        return self._find(picture_HW3)

    def _find(self, picture_HW3):
        self.seen += 1
        box = np.array([[0, 0, self.seen, picture_HW3.shape[0]]], np.float32)
        return Prediction(box, np.array([0.5], np.float32), np.array([7]))


class _Many(_Counted):
    def predict_together(self, pictures):
        self.calls.append(len(pictures))
        return list(map(self._find, pictures))


@pytest.mark.parametrize(
    ("predictor", "at_a_time", "calls"),
    [(_Many, 5, [5, 5, 2]), (_Many, 1, [1] * 12), (_Counted, 5, [1] * 12), (_Many, 16, [12])],
)
def test_every_picture_is_looked_at_once_and_in_order(dataset, predictor, at_a_time, calls):
    looking, told = predictor(), []
    found = predict_all(looking, dataset, lambda *at: told.append(at), at_a_time)
    assert [item.boxes_xyxy[0, 2] for item in found] == list(range(1, 13))
    assert looking.calls == calls
    assert told[-1] == (12, 12)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_json_is_cocos_results_with_the_datas_own_ids(dataset, predictions):
    rows = json.loads(predictions_to_json(dataset, predictions))
    assert {row["image_id"] for row in rows} <= {dataset.picture_id(i) for i in range(12)}
    assert {row["category_id"] for row in rows} == {7, 3, 90}
    x1, y1, x2, y2 = predictions[0].boxes_xyxy[0].tolist()
    assert rows[0]["bbox"] == pytest.approx([x1, y1, x2 - x1, y2 - y1])


def test_pictures_without_detections_come_back_empty(dataset):
    predictions = predictions_from_json(dataset, "[]")
    assert len(predictions) == len(dataset)
    assert predictions[0].boxes_xyxy.shape == (0, 4)


ROW = {"image_id": 1000, "category_id": 7, "bbox": [0, 0, 5, 5], "score": 0.5}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{", "JSON"),
        ("{}", "list"),
        (json.dumps([{"image_id": 1000}]), "0.category_id"),
        (json.dumps([ROW | {"bbox": [0, 0, -5, 5]}]), "0.bbox.2"),
        (json.dumps([ROW | {"score": float("nan")}]), "0.score"),
        (json.dumps([ROW | {"image_id": 7}]), "image_id 7"),
        (json.dumps([ROW | {"category_id": 8}]), r"\[8\]"),
    ],
)
def test_faulty_json_is_an_error_that_names_the_place(dataset, text, names):
    with pytest.raises(DataError, match=names):
        predictions_from_json(dataset, text)


def one(boxes=((0, 0, 5, 5),), scores=(0.5,), labels=(7,)) -> Prediction:
    return Prediction(
        np.array(boxes, np.float32), np.array(scores, np.float32), np.array(labels, np.int64)
    )


@pytest.mark.parametrize(
    ("prediction", "cause"),
    [
        (one(scores=(0.5, 0.4)), "shapes"),
        (one(boxes=((0, 0, 5),)), "shapes"),
        (one(boxes=((0, 0, np.nan, 5),)), "finite"),
        (one(scores=(np.inf,)), "finite"),
        (one(boxes=((5, 0, 0, 5),)), "left, top, right, bottom"),
        (one(labels=(1,)), r"\[3, 7, 90\].*\[1\]"),
    ],
)
def test_what_a_predictor_may_not_return_is_an_error(build_dataset, prediction, cause):
    with pytest.raises(DataError, match=cause) as caught:
        check_predictions(build_dataset(0, 1), [prediction])
    assert "1000" in str(caught.value)


def test_every_picture_needs_a_prediction(dataset, predictions):
    with pytest.raises(DataError, match="12 pictures; got 11"):
        check_predictions(dataset, predictions[1:])


def test_objects_are_those_that_are_not_ignored(dataset):
    expected = sum((~dataset.annotations(i).ignore).sum() for i in range(len(dataset)))
    assert require_objects(dataset) == expected
