"""Matching by hand; that whole sets agree with the library is shown in test_bootstrap."""

import numpy as np
import pytest

from smnas.data.annotations import Annotations
from smnas.detector.contract import Prediction
from smnas.measure.hits import AREA_RANGES, IOU_THRESHOLDS, MAX_DETECTIONS, find_hits

IOU_50 = 0


def predict(*rows: tuple[float, float, float, float, float]) -> Prediction:
    """Boxes of category 7 with their scores."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Prediction(table[:, :4], table[:, 4], np.full(len(table), 7))


@pytest.fixture
def judge(build_list):
    def judge(objects: Annotations, prediction: Prediction):
        hits = find_hits(build_list([objects], [7]), [prediction]).categories[0]
        return hits.hit_DAT, hits.counts_DAT

    return judge


def test_the_best_scored_detection_takes_the_object_and_the_second_is_a_false_alarm(judge):
    objects = Annotations.of([[10, 10, 110, 110]])
    hit, counts = judge(objects, predict((10, 10, 108, 110, 0.4), (10, 10, 100, 110, 0.9)))
    assert hit[:, 0, IOU_50].tolist() == [True, False]
    assert counts[:, 0, IOU_50].tolist() == [True, True]


def test_a_hit_needs_the_threshold(judge):
    objects = Annotations.of([[0, 0, 100, 100]])
    hit, _ = judge(objects, predict((0, 0, 76, 100, 0.9)))  # IoU 0.76
    assert hit[0, 0].tolist() == (IOU_THRESHOLDS <= 0.76).tolist()


def test_a_crowd_takes_any_number_of_detections_and_they_count_neither_way(judge):
    objects = Annotations.of([[0, 0, 200, 200]], ignore=[True])
    inside = predict((10, 10, 40, 40, 0.9), (50, 50, 90, 90, 0.8), (210, 210, 250, 250, 0.7))
    hit, counts = judge(objects, inside)
    assert not hit.any()
    assert counts[:, 0, IOU_50].tolist() == [False, False, True]


def test_an_object_comes_before_a_crowd_that_fits_better(judge):
    objects = Annotations.of([[0, 0, 100, 100], [0, 0, 200, 200]], ignore=[False, True])
    hit, counts = judge(objects, predict((0, 0, 80, 100, 0.9), (0, 0, 81, 100, 0.8)))
    assert hit[:, 0, IOU_50].tolist() == [True, False]
    assert counts[:, 0, IOU_50].tolist() == [True, False]


def test_a_size_counts_its_own_objects_and_its_own_false_alarms(judge):
    objects = Annotations.of([[0, 0, 20, 20], [100, 100, 150, 150]])
    found = predict((0, 0, 20, 20, 0.9), (100, 100, 150, 150, 0.8), (200, 0, 220, 20, 0.7))
    hit, counts = judge(objects, found)
    assert hit[:, :, IOU_50].tolist() == [
        [True, True, False, False],
        [True, False, True, False],
        [False] * len(AREA_RANGES),
    ]
    assert counts[:, 1, IOU_50].tolist() == [True, False, True]
    assert counts[:, 2, IOU_50].tolist() == [False, True, False]


def test_only_the_best_hundred_of_a_picture_and_category_count(judge):
    objects = Annotations.of([[0, 0, 50, 50]])
    rows = [(0, 0, 50, 50, 0.1)] + [(100, 100, 140, 140, 0.5)] * MAX_DETECTIONS
    hit, _ = judge(objects, predict(*rows))
    assert len(hit) == MAX_DETECTIONS
    assert not hit.any()


def test_crowded_and_empty_pictures_go_through_together(build_list, build_dataset):
    crowded = build_dataset(3, pictures=1, per_picture=150.0, ids=(7,)).annotations(0)
    pictures = [Annotations.of([]), crowded, Annotations.of([[0, 0, 9, 9]])]
    perfect = [
        Prediction(item.boxes_xyxy, np.ones(len(item), np.float32), np.full(len(item), 7))
        for item in pictures
    ]
    hits = find_hits(build_list(pictures, [7]), perfect).categories[0]
    assert len(hits.hit_DAT) == min(len(crowded), MAX_DETECTIONS) + 1
    assert hits.object_counts_GA[:, 0].sum() == (~crowded.ignore).sum() + 1
