"""Does every family of heads learn at search budgets? AP of each over that of RetinaNet.

.venv/bin/python benchmarks/families.py

All members see the same pictures of `trees` equally often, and share input, backbone, pyramid and
recipe. What each training found is kept under --runs, so a killed benchmark goes on where it was;
empty that folder when the detector has changed.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from results import make_parser, write_result

from smnas.arch import DetectorArch
from smnas.data.transforms import Augmentation
from smnas.data.trees import load_trees
from smnas.detector.build import build_detector
from smnas.detector.contract import Prediction
from smnas.measure.accuracy import coco_ap
from smnas.measure.bootstrap import draw_weights, percentile_interval, weighted_ap
from smnas.measure.hits import find_hits
from smnas.measure.predictions import predictions_from_json, predictions_to_json
from smnas.seeding import derive_seed, generator
from smnas.training.loop import fit
from smnas.training.recipe import Recipe
from smnas.training.trained_detector import TrainedDetector

STEM = "160x160/basicblock_16_1-21-21-21/fpn-p2-p5-64"
_RPN = "fc=256/norm=gn-ws/proposals=100/rpn-anchor-octaves=2/rpn-anchor-scale=4/rpn-pre-nms=300"
_GUIDED = "fc=256/norm=gn-ws/proposals=100/rpn-anchor-scale=4/rpn-pre-nms=300"
REFERENCE = "retina"
FAMILIES = {
    # The micro space's heads, and the paper's other families with the same settings.
    REFERENCE: "none/retina/anchor-scale=3/convs=2/norm=gn-ws/pre-nms=300",
    "rpn_rcnn": f"rpn/rcnn/{_RPN}",
    "rpn_cascade_2": f"rpn/cascade-2/{_RPN}",
    "rpn_cascade_3": f"rpn/cascade-3/{_RPN}",
    "ga_rpn_rcnn": f"ga-rpn/rcnn/box-stds=0.05,0.05,0.1,0.1/{_GUIDED}/score=0.001",
    "ga_rpn_cascade_3": f"ga-rpn/cascade-3/{_GUIDED}",
}
# Without flips, which learns this validation split sooner: one sun shines on both (decision 0002).
RECIPE = Recipe(batch=16, augmentation=Augmentation(horizontal_flip=0.0))
REPLICATES = 2000

Floats = NDArray[np.float64]


def main() -> None:
    """Train what is missing, then write the ratios."""
    parser = make_parser(__doc__, "families")
    parser.add_argument("--runs", type=Path, default=Path("runs/families"))
    parser.add_argument("--epochs", type=int, default=8, help="passes over the training pictures")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each family")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, list[tuple[Prediction, ...]]] = {name: [] for name in FAMILIES}
    seconds: dict[str, list[float]] = {name: [] for name in FAMILIES}
    for seed in range(arguments.seeds):
        for name in FAMILIES:
            predictions, spent = train_once(name, seed, arguments.epochs, arguments.runs)
            found[name].append(predictions)
            seconds[name].append(spent)
    numbers = {
        "stem": STEM,
        "epochs": arguments.epochs,
        "pictures_an_epoch": len(load_trees().train),
        "seeds": arguments.seeds,
        "families": compare(found, seconds),
        "interval_rule": "95 %: validation pictures and seeds drawn again together",
    }
    write_result(arguments.json, numbers, arguments.device)


def train_once(
    name: str, seed: int, epochs: int, runs: Path
) -> tuple[tuple[Prediction, ...], float]:
    """Return what one training finds in the validation pictures, and its processor seconds."""
    arch = DetectorArch.parse(f"{STEM}/{FAMILIES[name]}")
    path = runs / f"{name}-{arch.arch_id}-{RECIPE.recipe_id}-{epochs}-{seed}.json"
    trees = load_trees()
    if not path.exists():
        began = time.process_time()
        weights_seed = derive_seed(seed, "weights")
        detector = build_detector(arch, len(trees.train.categories), RECIPE.losses, weights_seed)
        fit(detector, trees.train, RECIPE, epochs, seed)
        spent = time.process_time() - began
        trained = TrainedDetector(detector, trees.train.categories)
        predictions = [trained.predict(trees.val.read(index)[0]) for index in range(len(trees.val))]
        text = predictions_to_json(trees.val, predictions)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"seconds": spent, "predictions": text}))
        ap = coco_ap(trees.val, predictions)
        print(f"{name} seed {seed}: AP {ap['ap']:.3f}, AP50 {ap['ap50']:.3f}, {spent:.0f} s")
    saved = json.loads(path.read_text())
    return predictions_from_json(trees.val, saved["predictions"]), saved["seconds"]


def compare(
    found: dict[str, list[tuple[Prediction, ...]]], seconds: dict[str, list[float]]
) -> dict[str, dict[str, Any]]:
    """Return AP, AP50, ratio and time of each family, averaged over its trainings."""
    val = load_trees().val
    reference = [coco_ap(val, predictions) for predictions in found[REFERENCE]]
    drawn_reference = replicate(found[REFERENCE], REFERENCE)
    rows: dict[str, dict[str, Any]] = {}
    for name, trainings in found.items():
        values = [coco_ap(val, predictions) for predictions in trainings]
        ratio = mean_of("ap", values) / mean_of("ap", reference)
        interval = percentile_interval(replicate(trainings, name) / drawn_reference)
        rows[name] = {
            "arch": f"{STEM}/{FAMILIES[name]}",
            "ap": mean_of("ap", values),
            "ap_by_seed": [value["ap"] for value in values],
            "ap50": mean_of("ap50", values),
            "ap_ratio": ratio,
            "ap_ratio_interval": [interval.low, interval.high] if interval else None,
            "training_seconds": float(np.mean(seconds[name])),
        }
    return rows


def mean_of(metric: str, values: list[dict[str, float | None]]) -> float:
    """Return the mean of a metric over trainings."""
    return float(np.mean([value[metric] or 0.0 for value in values]))


def replicate(trainings: list[tuple[Prediction, ...]], name: str) -> Floats:
    """Return the mean AP of sets of pictures and trainings, both drawn with replacement.

    The pictures are the same for all families, the trainings are drawn for each by itself.
    """
    val = load_trees().val
    weights_BP = draw_weights(len(val), REPLICATES, seed=0)
    ap_SB = np.stack([weighted_ap(find_hits(val, item), weights_BP)[0] for item in trainings])
    seeds = len(trainings)
    drawn_SB = generator(0, "seeds", name).integers(0, seeds, (seeds, REPLICATES))
    return np.take_along_axis(ap_SB, drawn_SB, axis=0).mean(axis=0)


if __name__ == "__main__":
    main()
