"""How long the intervals of AP take on a set as large as COCO's, and that they are exact.

.venv/bin/python benchmarks/bootstrap_speed.py

5,000 pictures with 80 classes of uneven frequency, and a made-up detector that finds most objects
more or less exactly and many that are not there. Some of the re-drawn sets are judged anew by
faster-coco-eval, as if they were data sets of their own. One thread; seconds of the processor, so
that other programs hardly matter.
"""

import time
from collections.abc import Sequence

import numpy as np
import torch
from results import make_parser, write_result

from smnas.data.annotations import Annotations
from smnas.data.dataset import Category, DetectionDataset, hash_content
from smnas.detector.contract import Prediction
from smnas.measure.accuracy import coco_ap
from smnas.measure.bootstrap import METRICS, draw_weights, weighted_ap
from smnas.measure.hits import find_hits

CLASSES = 80
OBJECTS_PER_PICTURE = 7.3
"""As in COCO's validation set."""
WIDTH, HEIGHT = 640, 480
FOUND_SHARE = 0.75


class MadeUp(DetectionDataset):
    """Pictures without content, and objects that are handed in."""

    name = "made up"

    def __init__(self, objects: Sequence[Annotations]) -> None:
        self.categories = tuple(Category(id, f"class {id}") for id in range(1, CLASSES + 1))
        self.objects = list(objects)

    @property
    def data_id(self) -> str:
        """Hash of the boxes."""
        return hash_content([item.boxes_xyxy.tobytes() for item in self.objects])

    def __len__(self) -> int:
        """Return how many pictures there are."""
        return len(self.objects)

    def picture_id(self, index: int) -> int:
        """The index will do."""
        return index

    def picture_size(self, index: int) -> tuple[int, int]:
        """All are equal."""
        return WIDTH, HEIGHT

    def annotations(self, index: int) -> Annotations:
        """Return the objects of one picture."""
        return self.objects[index]

    def read(self, index: int) -> tuple[np.ndarray, Annotations]:
        """Return a black picture."""
        return np.zeros((HEIGHT, WIDTH, 3), np.uint8), self.objects[index]


def make_set(pictures: int, false_alarms: float, seed: int) -> tuple[MadeUp, list[Prediction]]:
    """Return a set and what a made-up detector finds in it, best score first."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, CLASSES + 1)
    frequency /= frequency.sum()
    objects: list[Annotations] = []
    predictions: list[Prediction] = []
    for _ in range(pictures):
        count = int(rng.poisson(OBJECTS_PER_PICTURE))
        boxes = draw_boxes(rng, count)
        labels = rng.choice(CLASSES, count, p=frequency)
        objects.append(Annotations(boxes, labels, rng.random(count) < 0.01))
        found = np.flatnonzero(rng.random(count) < FOUND_SHARE)
        size = np.tile(boxes[found, 2:] - boxes[found, :2], 2)
        jitter = rng.uniform(0.01, 0.12, (len(found), 1)) * rng.standard_normal((len(found), 4))
        near = boxes[found] + jitter * size
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        extra = int(rng.poisson(false_alarms))
        scores = np.concatenate([rng.beta(4, 2, len(found)), rng.beta(1, 5, extra)])
        order = np.argsort(-scores)
        drawn = np.concatenate([labels[found], rng.choice(CLASSES, extra, p=frequency)])
        predictions.append(
            Prediction(
                np.concatenate([near, draw_boxes(rng, extra)]).astype(np.float32)[order],
                scores.astype(np.float32)[order],
                1 + drawn.astype(np.int64)[order],
            )
        )
    return MadeUp(objects), predictions


def draw_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return boxes inside the picture, their sides spread evenly on a logarithmic scale."""
    side = np.exp(rng.uniform(np.log(8), np.log(400), (count, 2)))
    corner = rng.uniform(0, 1, (count, 2)) * np.maximum([WIDTH, HEIGHT] - side, 0)
    return np.concatenate([corner, corner + side], axis=1).astype(np.float32)


def main() -> None:
    """Time the parts, check some sets, and write the numbers."""
    parser = make_parser(__doc__, "bootstrap_speed")
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--false-alarms", type=float, default=30.0, help="per picture")
    parser.add_argument("--checked", type=int, default=3, help="sets that are judged anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dataset, predictions = make_set(arguments.pictures, arguments.false_alarms, seed=0)
    start = time.process_time()
    hits = find_hits(dataset, predictions)
    judged = time.process_time()
    weights_BP = draw_weights(len(dataset), arguments.replicates, seed=0)
    drawn_6B = weighted_ap(hits, weights_BP)
    end = time.process_time()
    values = coco_ap(dataset, predictions)
    library = time.process_time()
    numbers = {
        "pictures": len(dataset),
        "classes": CLASSES,
        "objects": sum(map(len, dataset.objects)),
        "detections": sum(len(item.scores) for item in predictions),
        "replicates": arguments.replicates,
        "bootstrap_s": round(end - start, 2),
        "matching_s": round(judged - start, 2),
        "replicates_s": round(end - judged, 2),
        "faster_coco_eval_s": round(library - end, 2),
        "ap": values["ap"],
        "sets_judged_anew": arguments.checked,
        "largest_difference": check(
            dataset, predictions, weights_BP[: arguments.checked], drawn_6B[:, : arguments.checked]
        ),
    }
    write_result(arguments.json, numbers, arguments.device)


def check(
    dataset: MadeUp,
    predictions: Sequence[Prediction],
    weights_BP: np.ndarray,
    drawn_6B: np.ndarray,
) -> float:
    """Return the largest difference from what the library says of the re-drawn sets."""
    largest = 0.0
    for column, weights_P in enumerate(weights_BP.astype(int)):
        rows = np.repeat(np.arange(len(dataset)), weights_P)
        again = MadeUp([dataset.objects[row] for row in rows])
        values = coco_ap(again, [predictions[row] for row in rows])
        for row, metric in enumerate(METRICS):
            value = values[metric]
            if value is not None:
                largest = max(largest, abs(value - float(drawn_6B[row, column])))
    return largest


if __name__ == "__main__":
    main()
