"""Ignored regions of BDD100K files in AP, by the rules of the format's own evaluation.

Scalabel turns files into COCO's annotations and calls pycocotools: the oracle here does the same
from the file itself (``scalabel/label/to_coco.py`` and ``transforms.py``, after the renaming of
``bdd100k/label/to_scalabel.py``), without our reader. Scalabel 0.3.1 itself gave the same numbers.
"""

import contextlib
import io
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from smnas.data.bdd100k import load_bdd100k
from smnas.detector.contract import Prediction
from smnas.measure.accuracy import coco_ap

WIDTH, HEIGHT = 320, 180
CLASSES = ["pedestrian", "rider", "car", "truck", "bus", "train"]
CLASSES += ["motorcycle", "bicycle", "traffic light", "traffic sign"]
RENAMED = {"bike": "bicycle", "motor": "motorcycle", "person": "pedestrian"}
IGNORED = {"other person": "pedestrian", "other vehicle": "car", "trailer": "truck"}
NAMES = ["pedestrian", "car", "car", "truck", "bike", "motor", "person", "lane/road curb", *IGNORED]


def make_frames(rng):
    frames = []
    for number in range(16):
        labels = []
        for place in range(int(rng.poisson(8))):
            corner = rng.uniform(0, (WIDTH - 70, HEIGHT - 70))
            end = corner + np.exp(rng.uniform(np.log(6), np.log(69), 2))
            corners = dict(zip(("x1", "y1", "x2", "y2"), (*corner, *end), strict=True))
            name = NAMES[int(rng.integers(len(NAMES)))]
            labels.append(
                {
                    "id": place,
                    "category": name,
                    "attributes": {"crowd": bool(rng.random() < 0.1), "occluded": True},
                    "box2d": None if name.startswith("lane") else corners,
                }
            )
        frames.append({"name": f"{number}.jpg", "labels": labels or None})
    return frames


def as_coco(frames):
    """Return the annotations as scalabel makes them; the last corner belongs to the box."""
    rows = []
    for image_id, frame in enumerate(frames, start=1):
        for label in frame["labels"] or ():
            if label["box2d"] is None:
                continue
            name = RENAMED.get(label["category"], label["category"])
            x1, y1, x2, y2 = (float(np.float32(v)) for v in label["box2d"].values())
            bbox = [x1, y1, x2 - x1 + 1, y2 - y1 + 1]
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": image_id,
                    "category_id": CLASSES.index(IGNORED.get(name, name)) + 1,
                    "bbox": bbox,
                    "area": bbox[2] * bbox[3],
                    "iscrowd": int(label["attributes"]["crowd"] or name in IGNORED),
                }
            )
    return rows


def make_predictions(rng, dataset):
    """Find most boxes, also ignored ones, some of them twice."""
    predictions = []
    for index in range(len(dataset)):
        found = dataset.annotations(index)
        pick = np.flatnonzero(rng.random(len(found)) < 0.8).repeat(2)[: len(found) + 2]
        boxes = found.boxes_xyxy[pick] + rng.normal(0, 2, (len(pick), 4))
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        ids = np.array([dataset.categories[label].id for label in found.labels[pick]], np.int64)
        scores = rng.random(len(pick)).round(2).astype(np.float32)
        predictions.append(Prediction(boxes.astype(np.float32), scores, ids))
    return predictions


@pytest.mark.parametrize("seed", range(3))
def test_ap_is_that_of_the_formats_own_evaluation(tmp_path, seed):
    rng = np.random.default_rng(seed)
    frames = make_frames(rng)
    for frame in frames:
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / frame["name"])
    (tmp_path / "det_val.json").write_text(json.dumps(frames))
    dataset = load_bdd100k(tmp_path / "det_val.json")
    predictions = make_predictions(rng, dataset)
    results = [
        [index + 1, x1, y1, x2 - x1, y2 - y1, score, label]
        for index, item in enumerate(predictions)
        for (x1, y1, x2, y2), score, label in zip(
            item.boxes_xyxy.astype(float), item.scores, item.labels, strict=True
        )
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": number} for number in range(1, len(frames) + 1)],
            "categories": [{"id": number} for number in range(1, len(CLASSES) + 1)],
            "annotations": as_coco(frames),
        }
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(np.array(results)), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    assert sum(row["iscrowd"] for row in truth.dataset["annotations"]) > 10
    found = [-1.0 if value is None else value for value in coco_ap(dataset, predictions).values()]
    np.testing.assert_allclose(found, judge.stats[:6], rtol=0, atol=1e-6)
