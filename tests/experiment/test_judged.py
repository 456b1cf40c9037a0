import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from smnas.data.dataset import Annotations, Category
from smnas.detector.contract import Prediction
from smnas.experiment.judged import best_score, judge_picture

CATEGORIES = (Category(7, "cat"), Category(3, "dog"))


def predict(rows: list[tuple[float, float, float, float, float, int]]) -> Prediction:
    table = np.array(rows, dtype=np.float32).reshape(-1, 6)
    return Prediction(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def test_each_object_is_found_once_by_the_best_scored():
    objects = Annotations.of([(0, 0, 10, 10)])
    found = predict([(0, 0, 10, 9, 0.4, 7), (0, 0, 10, 10, 0.3, 7), (0, 0, 9, 10, 0.9, 7)])
    judged = judge_picture(found, objects, CATEGORIES)
    assert judged.prediction.scores.tolist() == pytest.approx([0.9, 0.4, 0.3])
    assert judged.hit_D.tolist() == [True, False, False]
    assert judged.alarm_D.tolist() == [False, True, True]
    assert judged.found_G.tolist() == [True]


def test_another_class_is_a_false_alarm():
    objects = Annotations.of([(0, 0, 10, 10)], labels=[1])
    judged = judge_picture(predict([(0, 0, 10, 10, 0.9, 7)]), objects, CATEGORIES)
    assert judged.alarm_D.tolist() == [True]
    judged = judge_picture(predict([(0, 0, 10, 10, 0.9, 3)]), objects, CATEGORIES)
    assert judged.hit_D.tolist() == [True]


def test_what_lies_on_an_ignored_object_is_neither():
    objects = Annotations.of([(0, 0, 10, 10)], ignore=[True])
    judged = judge_picture(predict([(0, 0, 10, 10, 0.9, 7)]), objects, CATEGORIES)
    assert not judged.hit_D.any()
    assert not judged.alarm_D.any()


def test_nothing_found_and_nothing_there():
    judged = judge_picture(predict([]), Annotations.of([]), CATEGORIES)
    assert judged.hit_D.shape == judged.found_G.shape == (0,)


boxes = st.tuples(
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(4, 20),
    st.integers(4, 20),
    st.integers(0, 1),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(boxes, min_size=1, max_size=6), st.lists(boxes, max_size=8), st.randoms())
def test_hits_are_those_of_pycocotools(objects, detections, draw):
    scores = [(i + 1) / 10 for i in range(len(detections))]
    draw.shuffle(scores)
    truth = Annotations.of(
        [(x, y, x + w, y + h) for x, y, w, h, _ in objects], labels=[box[4] for box in objects]
    )
    found = predict(
        [
            (x, y, x + w, y + h, score, CATEGORIES[label].id)
            for (x, y, w, h, label), score in zip(detections, scores, strict=True)
        ]
    )
    judged = judge_picture(found, truth, CATEGORIES)
    assert int(judged.hit_D.sum()) == coco_hits(objects, detections, scores)
    assert int(judged.found_G.sum()) == int(judged.hit_D.sum())
    assert not (judged.hit_D & judged.alarm_D).any()


def coco_hits(objects, detections, scores) -> int:
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": 1, "width": 60, "height": 60}],
        "categories": [{"id": c.id, "name": c.name} for c in CATEGORIES],
        "annotations": [
            {
                "id": i + 1,
                "image_id": 1,
                "category_id": CATEGORIES[label].id,
                "bbox": [x, y, w, h],
                "area": w * h,
                "iscrowd": 0,
            }
            for i, (x, y, w, h, label) in enumerate(objects)
        ],
    }
    truth.createIndex()
    if not detections:
        return 0
    results = truth.loadRes(
        [
            {
                "image_id": 1,
                "category_id": CATEGORIES[label].id,
                "bbox": [x, y, w, h],
                "score": score,
            }
            for (x, y, w, h, label), score in zip(detections, scores, strict=True)
        ]
    )
    judge = COCOeval(truth, results, "bbox")
    judge.params.iouThrs = np.array([0.5])
    judge.params.areaRng = [[0, 1e10]]
    judge.params.areaRngLbl = ["all"]
    judge.evaluate()
    return sum(int((item["dtMatches"] > 0).sum()) for item in judge.evalImgs if item)


class FewPictures:
    """Two pictures with one object each."""

    categories = CATEGORIES

    def __len__(self) -> int:
        return 2

    def annotations(self, index: int) -> Annotations:
        return Annotations.of([(0, 0, 10, 10)])


def test_best_score_is_where_f1_is_highest():
    first = predict([(0, 0, 10, 10, 0.9, 7), (20, 20, 30, 30, 0.3, 7)])
    second = predict([(0, 0, 10, 10, 0.5, 7), (20, 20, 30, 30, 0.2, 7)])
    assert best_score(FewPictures(), [first, second]) == pytest.approx(0.5)


def test_best_score_without_a_hit_shows_everything():
    nothing = predict([(20, 20, 30, 30, 0.3, 7)])
    assert best_score(FewPictures(), [nothing, nothing]) == 0.0
