"""VOC's AP50 against its definition, and COCO's rule where objects are difficult."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.data.annotations import Annotations
from smnas.detector.contract import Prediction
from smnas.errors import DataError
from smnas.measure.accuracy import coco_ap
from smnas.measure.hits import IOU_THRESHOLDS, find_hits
from smnas.measure.voc_ap import voc_ap50


def devkit_ap(dataset, predictions, label) -> float | None:
    """VOCevaldet.m line by line; corners are whole, from 1, and inclusive."""
    truth, positives = {}, 0
    for picture in range(len(dataset)):
        item = dataset.annotations(picture)
        mine = item.labels == label
        corners = item.boxes_xyxy[mine] + np.array([1, 1, 0, 0])
        truth[picture] = [corners, item.ignore[mine], [False] * len(corners)]
        positives += int((~item.ignore[mine]).sum())
    rows = [
        (float(score), picture, box + np.array([1, 1, 0, 0]))
        for picture, item in enumerate(predictions)
        for box, score, found in zip(item.boxes_xyxy, item.scores, item.labels, strict=True)
        if found == dataset.categories[label].id
    ]
    rows.sort(key=lambda row: -row[0])
    hits, alarms = np.zeros(len(rows)), np.zeros(len(rows))
    for d, (_, picture, bb) in enumerate(rows):
        corners, difficult, taken = truth[picture]
        most, nearest = -np.inf, -1
        for j, gt in enumerate(corners):
            bi = [max(bb[0], gt[0]), max(bb[1], gt[1]), min(bb[2], gt[2]), min(bb[3], gt[3])]
            iw, ih = bi[2] - bi[0] + 1, bi[3] - bi[1] + 1
            if iw > 0 and ih > 0:
                union = (
                    (bb[2] - bb[0] + 1) * (bb[3] - bb[1] + 1)
                    + (gt[2] - gt[0] + 1) * (gt[3] - gt[1] + 1)
                    - iw * ih
                )
                if iw * ih / union > most:
                    most, nearest = iw * ih / union, j
        if most >= 0.5:
            if not difficult[nearest]:
                if not taken[nearest]:
                    hits[d], taken[nearest] = 1, True
                else:
                    alarms[d] = 1
        else:
            alarms[d] = 1
    return devkit_area(hits, alarms, positives) if positives else None


def devkit_area(hits, alarms, positives) -> float:
    """VOCap.m: the area under the curve made monotonic."""
    alarms, hits = np.cumsum(alarms), np.cumsum(hits)
    recall = np.concatenate([[0], hits / positives, [1]])
    precision = np.concatenate([[0], hits / np.maximum(alarms + hits, 1e-300), [0]])
    for i in range(len(precision) - 2, -1, -1):
        precision[i] = max(precision[i], precision[i + 1])
    steps = np.flatnonzero(recall[1:] != recall[:-1]) + 1
    return float(((recall[steps] - recall[steps - 1]) * precision[steps]).sum())


def whole(boxes: np.ndarray) -> np.ndarray:
    """Whole corners, at least a pixel apart: VOC has no others."""
    boxes = np.round(boxes)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    return boxes.astype(np.float32)


def as_voc(dataset, build_list, ids):
    """The same objects with whole corners; those that are ignored are difficult."""
    objects = [dataset.annotations(index) for index in range(len(dataset))]
    return build_list(
        [
            Annotations(whole(item.boxes_xyxy), item.labels, item.ignore, item.ignore)
            for item in objects
        ],
        ids,
    )


def whole_predictions(predictions):
    return [Prediction(whole(p.boxes_xyxy), p.scores, p.labels) for p in predictions]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), crowded=st.booleans(), digits=st.sampled_from([1, 7]))
def test_ap50_is_that_of_the_definition(
    build_dataset, build_predictions, build_list, seed, crowded, digits
):
    ids = (7, 3, 90)
    made = build_dataset(seed, 8, 25.0 if crowded else 4.0, ids)
    dataset = as_voc(made, build_list, ids)
    predictions = whole_predictions(build_predictions(made, seed + 1, digits=digits))
    found = voc_ap50(dataset, predictions)
    for label, category in enumerate(dataset.categories):
        expected = devkit_ap(dataset, predictions, label)
        assert (category.name in found) == (expected is not None)
        if expected is not None:
            assert found[category.name] == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_matching_is_vocs_where_objects_do_not_overlap(build_list, seed):
    """Then no detection has two objects to choose from, and both rules are one."""
    rng = np.random.default_rng(seed)
    corners = np.array([[x, y] for x in (0, 60, 120, 180) for y in (0, 60, 120, 180)])
    objects, predictions = [], []
    for _ in range(6):
        place = corners[rng.random(16) < 0.6]
        boxes = np.hstack([place, place + rng.integers(10, 50, place.shape)])
        difficult = rng.random(len(boxes)) < 0.3
        labels = rng.integers(0, 2, len(boxes))
        objects.append(Annotations(boxes.astype(np.float32), labels, difficult, difficult))
        pick = rng.integers(0, max(len(boxes), 1), 20 if len(boxes) else 0)
        moved = boxes[pick] + rng.integers(-4, 5, (len(pick), 4))
        scores = rng.random(len(pick)).astype(np.float32)
        predictions.append(Prediction(whole(moved), scores, np.array([7, 3])[labels[pick]]))
    dataset = build_list(objects, (7, 3))
    hits = find_hits(dataset, predictions)
    for label, category in enumerate(hits.categories):
        expected = devkit_ap(dataset, predictions, label)
        if expected is None:
            continue
        hit, counts = category.hit_DAT[:, 0, 0], category.counts_DAT[:, 0, 0]
        assert IOU_THRESHOLDS[0] == 0.5
        found, judged = np.cumsum(hit), np.cumsum(counts)
        precision = np.maximum.accumulate((found / np.maximum(judged, 1))[::-1])[::-1]
        ap = (precision * hit).sum() / category.object_counts_GA[:, 0].sum()
        assert ap == pytest.approx(expected, abs=1e-9)


class TestDifficultObjects:
    """By hand: an easy object left, a difficult one right."""

    OBJECTS = Annotations(
        np.array([[0, 0, 100, 100], [120, 0, 220, 100]], np.float32),
        np.array([0, 0]),
        np.array([False, True]),
        np.array([False, True]),
    )

    def evaluate(self, build_list, *rows):
        table = np.array(rows, np.float32).reshape(-1, 5)
        prediction = Prediction(table[:, :4], table[:, 4], np.full(len(table), 7))
        dataset = build_list([self.OBJECTS], [7])
        return coco_ap(dataset, [prediction])["ap50"], voc_ap50(dataset, [prediction])["thing-7"]

    def test_finding_one_counts_neither_way_as_often_as_it_is_done(self, build_list):
        rows = [(120, 0, 220, 100, 0.9), (121, 0, 221, 100, 0.8), (0, 0, 100, 100, 0.5)]
        assert self.evaluate(build_list, *rows) == (1.0, 1.0)

    def test_a_small_box_inside_is_a_false_alarm_unlike_in_a_crowd(self, build_list):
        rows = [(120, 0, 150, 30, 0.9), (0, 0, 100, 100, 0.5)]
        coco, voc = self.evaluate(build_list, *rows)
        assert coco == pytest.approx(0.5)
        assert voc == pytest.approx(0.5)

    def test_missing_one_costs_nothing(self, build_list):
        assert self.evaluate(build_list, (0, 0, 100, 100, 0.5)) == (1.0, 1.0)

    def test_nothing_but_difficult_objects_is_an_error(self, build_list):
        only = Annotations.of([[0, 0, 9, 9]], ignore=[True])
        with pytest.raises(DataError, match="no object to find"):
            voc_ap50(build_list([only], [7]), [Prediction.__new__(Prediction)])


def test_a_category_without_objects_is_left_out(build_list):
    dataset = build_list([Annotations.of([[0, 0, 50, 50]])], [7, 9])
    prediction = Prediction(
        np.array([[0, 0, 50, 50]], np.float32), np.array([0.5], np.float32), np.array([7])
    )
    assert voc_ap50(dataset, [prediction]) == {"thing-7": 1.0}
