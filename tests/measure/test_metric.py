"""AP of one class and recall at a number of false alarms, against independent judges."""

import contextlib
import io

import numpy as np
import pytest
from faster_coco_eval import COCO as FASTER_COCO
from faster_coco_eval import COCOeval_faster
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from smnas.errors import ConfigError
from smnas.measure.accuracy import evaluate_detections
from smnas.measure.bootstrap import draw_weights
from smnas.measure.hits import find_hits
from smnas.measure.metric import class_metrics, weighted_metric
from smnas.measure.noise_floor import noise_floor

SEEDS = range(4)


def truth_and_results(dataset, predictions):
    """The set as COCO JSON, and what was found."""
    annotations, results = [], []
    for index in range(len(dataset)):
        item = dataset.annotations(index)
        for (x1, y1, x2, y2), label, ignore in zip(
            item.boxes_xyxy.tolist(), item.labels, item.ignore, strict=True
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": dataset.categories[label].id,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": int(ignore),
                }
            )
        found = predictions[index]
        for (x1, y1, x2, y2), label, score in zip(
            found.boxes_xyxy.astype(np.float64).tolist(),
            found.labels.tolist(),
            found.scores.tolist(),
            strict=True,
        ):
            results.append(
                {
                    "image_id": index + 1,
                    "category_id": label,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "score": score,
                }
            )
    truth = {
        "images": [{"id": i + 1, "width": 256, "height": 256} for i in range(len(dataset))],
        "categories": [{"id": item.id, "name": item.name} for item in dataset.categories],
        "annotations": annotations,
    }
    return truth, results


def brute_recall(dataset, predictions, alarms):
    """Recall at the lowest threshold with no more false alarms a picture: every one is tried."""
    truth, results = truth_and_results(dataset, predictions)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(results), "bbox")
        judge.params.areaRng = [judge.params.areaRng[0]]
        judge.evaluate()
    pairs = [item for item in judge.evalImgs if item is not None]
    objects = sum(int((np.array(item["gtIgnore"]) == 0).sum()) for item in pairs)
    scores = np.concatenate([item["dtScores"] for item in pairs])
    counted = ~np.concatenate([item["dtIgnore"][0] for item in pairs]).astype(bool)
    hit = np.concatenate([item["dtMatches"][0] for item in pairs]) > 0
    best = 0.0
    for threshold in np.unique(scores):
        kept = counted & (scores >= threshold)
        if (kept & ~hit).sum() <= alarms * len(dataset) + 1e-9:
            best = max(best, (kept & hit).sum() / objects)
    return best


def value(name, dataset, predictions):
    once_1P = np.ones((1, len(dataset)), np.float32)
    return weighted_metric(name, dataset.categories, find_hits(dataset, predictions), once_1P)[0]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("alarms", [0.05, 0.5, 2.0, 50.0])
def test_recall_is_that_of_every_threshold_tried(build_dataset, build_predictions, seed, alarms):
    dataset = build_dataset(seed, 20)
    predictions = build_predictions(dataset, seed + 100)
    ours = value(f"recall@fppi={alarms}", dataset, predictions)
    assert ours == pytest.approx(brute_recall(dataset, predictions, alarms), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_ap_of_a_class_is_the_librarys(build_dataset, build_predictions, seed):
    dataset = build_dataset(seed)
    predictions = build_predictions(dataset, seed + 100)
    truth, results = truth_and_results(dataset, predictions)
    coco = FASTER_COCO(truth)
    judge = COCOeval_faster(coco, coco.loadRes(results), "bbox")
    judge.run()
    precision_TRK = judge.eval["precision"][:, :, :, 0, -1]
    order = sorted(range(3), key=lambda label: dataset.categories[label].id)
    for place, label in enumerate(order):
        name = dataset.categories[label].name
        of_class_TR = precision_TRK[:, :, place]
        for metric, theirs in (("ap", of_class_TR.mean()), ("ap50", of_class_TR[0].mean())):
            ours = value(f"{metric}:{name}", dataset, predictions)
            assert ours == pytest.approx(theirs, abs=1e-9)
    mean = np.mean(
        [value(name, dataset, predictions) for name in class_metrics(dataset.categories)]
    )
    assert value("ap", dataset, predictions) == pytest.approx(mean)


@pytest.mark.parametrize("name", ["recall@fppi=0.5", "ap:thing-3", "ap_small", "ap50"])
def test_a_picture_of_weight_two_is_there_twice(build_dataset, build_predictions, build_list, name):
    dataset = build_dataset(5, 8)
    predictions = build_predictions(dataset, 6)
    weights_BP = draw_weights(8, 5, seed=0)
    hits = find_hits(dataset, predictions)
    ours = weighted_metric(name, dataset.categories, hits, weights_BP)
    for row, weights_P in zip(ours, weights_BP.astype(int), strict=True):
        rows = np.repeat(np.arange(8), weights_P)
        drawn = build_list([dataset.annotations(i) for i in rows], (7, 3, 90))
        assert row == pytest.approx(value(name, drawn, [predictions[i] for i in rows]))


def test_what_is_asked_for_is_measured_with_its_interval(dataset, predictions):
    names = ("recall@fppi=0.5", "ap", *class_metrics(dataset.categories))
    found = evaluate_detections(dataset, predictions, "val", "cpu", further=names, replicates=50)
    by_name = {item.metric: item for item in found.measurements}
    assert len(by_name) == len(found.measurements)
    for name in names:
        low, high = by_name[name].interval
        assert low <= by_name[name].value <= high


def test_a_class_without_objects_has_no_ap(build_list, dataset, predictions):
    few = build_list([dataset.annotations(i) for i in range(len(dataset))], (7, 3, 90, 4))
    found = evaluate_detections(few, predictions, "val", "cpu", further=("ap:thing-4",))
    assert "ap:thing-4" not in {item.metric for item in found.measurements}
    assert np.isnan(value("ap:thing-4", few, predictions))


def test_wrong_names_are_refused(dataset, predictions):
    with pytest.raises(ConfigError, match="no class of that name; did you mean 'thing-7'"):
        value("ap:thing7", dataset, predictions)
    with pytest.raises(ConfigError, match=r"latency_ms: .* is no accuracy"):
        value("latency_ms", dataset, predictions)


def test_one_class_alone_is_not_told_apart(build_dataset):
    assert class_metrics(build_dataset(0, ids=(4,)).categories) == ()


def test_the_noise_floor_of_a_class_is_above_that_of_all(build_dataset):
    dataset = build_dataset(0, pictures=60)
    whole = noise_floor(dataset)
    assert whole.own == whole.ap
    one, recall = (noise_floor(dataset, metric=name) for name in ("ap:thing-3", "recall@fppi=1"))
    assert (one.ap, one.ap50) == (whole.ap, whole.ap50)
    assert one.own > whole.ap
    assert f"{100 * one.own:.1f} of AP of thing-3)" in one.sentence
    assert f"{100 * recall.own:.1f} of recall at 1 false alarms a picture)" in recall.sentence
