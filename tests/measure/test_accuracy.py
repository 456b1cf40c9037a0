import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from smnas.data.annotations import Annotations
from smnas.detector.contract import Prediction
from smnas.errors import DataError
from smnas.measure.accuracy import (
    coco_ap,
    evaluate_detections,
    measure_accuracy,
    paired_difference,
    redraw,
)
from smnas.measure.bootstrap import METRICS

NOTHING = Prediction(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


def pycocotools_ap(dataset, predictions) -> list[float]:
    """COCO's own evaluation, from a COCO file that is made here."""
    ids = [category.id for category in dataset.categories]
    annotations = []
    for index in range(len(dataset)):
        item = dataset.annotations(index)
        for box, label, ignore in zip(item.boxes_xyxy, item.labels, item.ignore, strict=True):
            x1, y1, x2, y2 = map(float, box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": dataset.picture_id(index),
                    "category_id": ids[label],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": int(ignore),
                }
            )
    results = [
        [dataset.picture_id(index), x1, y1, x2 - x1, y2 - y1, score, label]
        for index, item in enumerate(predictions)
        for (x1, y1, x2, y2), score, label in zip(
            item.boxes_xyxy.astype(np.float64), item.scores, item.labels, strict=True
        )
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": dataset.picture_id(i)} for i in range(len(dataset))],
            "categories": [{"id": id} for id in ids],
            "annotations": annotations,
        }
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(np.array(results)), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats[:6].tolist()


def evaluate(dataset, predictions, **options):
    return evaluate_detections(dataset, predictions, "val", "cpu", **options)


def values(result) -> dict[str, float]:
    return {item.metric: item.value for item in result.measurements}


def perfect(dataset) -> list[Prediction]:
    ids = np.array([category.id for category in dataset.categories])
    objects = [dataset.annotations(index) for index in range(len(dataset))]
    return [
        Prediction(
            item.boxes_xyxy[~item.ignore],
            np.full((~item.ignore).sum(), 0.9, np.float32),
            ids[item.labels[~item.ignore]],
        )
        for item in objects
    ]


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), pictures=st.integers(1, 12), categories=st.integers(1, 4))
def test_ap_is_that_of_pycocotools(build_dataset, build_predictions, seed, pictures, categories):
    dataset = build_dataset(seed, pictures, 4.0, range(5, 5 + categories))
    predictions = build_predictions(dataset, seed + 1)
    if not any(len(item.scores) for item in predictions):
        return  # pycocotools cannot read an empty list
    ours = [-1.0 if value is None else value for value in coco_ap(dataset, predictions).values()]
    np.testing.assert_allclose(ours, pycocotools_ap(dataset, predictions), rtol=0, atol=1e-6)


def test_every_metric_has_its_interval_and_protocol(dataset, predictions):
    result = evaluate(dataset, predictions, replicates=200)
    assert [item.metric for item in result.measurements] == list(METRICS)
    for item in result.measurements:
        assert item.interval is not None
        low, high = item.interval
        assert 0.0 <= low < high <= 1.0
        assert low - 0.1 <= item.value <= high + 0.1
        assert item.unit == "1"
        assert (item.protocol.split, item.protocol.pictures) == ("val", len(dataset))
        assert (item.protocol.replicates, item.protocol.data_id) == (200, dataset.data_id)
    assert result.predictions == tuple(predictions)


def test_same_pictures_same_intervals(dataset, predictions):
    first = evaluate(dataset, predictions, replicates=100)
    assert first.measurements == evaluate(dataset, predictions, replicates=100).measurements
    other = evaluate(dataset, predictions, replicates=90)  # other sets of pictures are drawn
    assert values(first) == values(other)
    assert first.measurements[0].interval != other.measurements[0].interval


def test_perfect_detections_give_one(dataset):
    result = evaluate(dataset, perfect(dataset), replicates=50)
    for item in result.measurements:
        assert item.value == pytest.approx(1.0)
        assert item.interval == pytest.approx((1.0, 1.0))


def test_no_detections_give_zero(dataset):
    for item in evaluate(dataset, [NOTHING] * len(dataset), replicates=50).measurements:
        assert (item.value, item.interval) == (0.0, (0.0, 0.0))


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_pictures_does_not_matter(build_dataset, build_predictions, build_list, seed):
    dataset = build_dataset(seed)
    predictions = build_predictions(dataset, seed + 1, digits=9)
    order = np.random.default_rng(seed).permutation(len(dataset))
    shuffled = build_list([dataset.annotations(index) for index in order], (7, 3, 90))
    before = coco_ap(dataset, predictions)
    after = coco_ap(shuffled, [predictions[index] for index in order])
    assert after == pytest.approx(before, abs=1e-12)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_saying_everything_twice_lowers_ap(build_dataset, seed):
    dataset = build_dataset(seed)
    once = perfect(dataset)
    twice = [
        Prediction(*(np.repeat(part, 2, axis=0) for part in (p.boxes_xyxy, p.scores, p.labels)))
        for p in once
    ]
    before, after = coco_ap(dataset, once)["ap"], coco_ap(dataset, twice)["ap"]
    assert before == pytest.approx(1.0)
    assert after is not None
    assert after < 0.8


def test_what_lies_on_an_ignored_object_changes_nothing(build_list):
    objects = Annotations.of([[0, 0, 50, 50], [100, 100, 200, 200]], ignore=[False, True])
    dataset = build_list([objects, objects], [7])
    hit = Prediction(objects.boxes_xyxy[:1], np.array([0.5], np.float32), np.array([7]))
    both = Prediction(objects.boxes_xyxy, np.array([0.5, 0.9], np.float32), np.array([7, 7]))
    expected = values(evaluate(dataset, [hit, hit]))
    assert (
        values(evaluate(dataset, [both, both]))
        == expected
        == {
            "ap": 1.0,
            "ap50": 1.0,
            "ap75": 1.0,
            "ap_medium": 1.0,
        }
    )


def test_nothing_to_find_is_an_error_that_says_so(build_list):
    for objects in (Annotations.of([]), Annotations.of([[0, 0, 9, 9]], ignore=[True])):
        with pytest.raises(DataError, match="no object to find"):
            evaluate(build_list([objects, objects], [7]), [NOTHING] * 2)


def test_a_single_picture_has_no_interval(build_dataset, build_predictions):
    dataset = build_dataset(0, 1)
    result = evaluate(dataset, build_predictions(dataset, 1))
    assert all(item.interval is None for item in result.measurements)


class Replay:
    """Says what was handed in, one picture after the other."""

    def __init__(self, predictions):
        self._left = list(predictions)
        self.pictures = []

    def predict(self, picture_HW3):
        self.pictures.append(int(picture_HW3[0, 0, 0]))
        return self._left.pop(0)


def test_a_predictor_sees_every_picture_once_and_in_order(dataset, predictions):
    told: list[tuple[int, int]] = []
    predictor = Replay(predictions)
    result = measure_accuracy(
        predictor,
        dataset,
        "val",
        "cpu",
        replicates=20,
        progress=lambda done, all_: told.append((done, all_)),
    )
    assert predictor.pictures == list(range(12))
    assert told == [(done, 12) for done in range(1, 13)]
    assert result == evaluate(dataset, predictions, replicates=20)


def test_a_difference_is_paired(dataset, predictions, build_predictions):
    worse = build_predictions(dataset, 1, found=0.35)
    difference = paired_difference(dataset, predictions, worse)["ap"]
    alone = coco_ap(dataset, predictions)["ap"], coco_ap(dataset, worse)["ap"]
    assert None not in alone
    assert difference.value == pytest.approx(alone[0] - alone[1])
    assert difference.interval is not None
    assert difference.interval.low < difference.value < difference.interval.high
    assert difference.means_something


def test_a_detector_does_not_differ_from_itself(dataset, predictions):
    for difference in paired_difference(dataset, predictions, predictions).values():
        assert difference.value == 0.0
        assert difference.interval is not None
        assert (difference.interval.low, difference.interval.high) == (0.0, 0.0)
        assert not difference.means_something


def test_pairing_makes_the_interval_narrower(dataset, predictions):
    """Hard pictures are hard for both: moving scores a little changes the difference little."""
    nudged = [
        Prediction(item.boxes_xyxy + np.float32(0.5), item.scores, item.labels)
        for item in predictions
    ]
    difference = paired_difference(dataset, predictions, nudged)["ap"].interval
    alone = evaluate(dataset, predictions).measurements[0].interval
    assert difference is not None
    assert alone is not None
    assert difference.high - difference.low < 0.5 * (alone[1] - alone[0])


def test_redraws_are_those_behind_the_intervals(dataset, predictions, build_predictions):
    drawn = redraw(dataset, predictions, ["ap", "recall@fppi=1"], replicates=200)
    result = evaluate(dataset, predictions, replicates=200, further=["recall@fppi=1"])
    for item in result.measurements:
        if item.metric in drawn:
            assert np.percentile(drawn[item.metric], [2.5, 97.5]) == pytest.approx(item.interval)
    other = build_predictions(dataset, 1, found=0.35)
    theirs = redraw(dataset, other, ["ap"], replicates=200)["ap"]
    paired = paired_difference(dataset, predictions, other, replicates=200)["ap"].interval
    assert np.percentile(drawn["ap"] - theirs, 2.5) == pytest.approx(paired.low)
