"""What do flips do on `trees`, whose test split is another photograph under another sun?

.venv/bin/python benchmarks/flips.py --processes 2

One detector, trained from scratch without flips, with horizontal ones, and with both; all else is
the default recipe. AP and AP50 on val, which is the same photograph as train, and on test.
"""

import statistics
from collections.abc import Collection
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from journal import Journal
from results import RESULTS, make_parser, write_result
from side_by_side import Piece, finish
from training import Training

from smnas.data.transforms import Augmentation
from smnas.training.recipe import Recipe

ARCH = (
    "128x128/basicblock_16_1-21-21-21/fpn-p2-p5-64/none/retina/anchor-scale=3/convs=2/norm=gn/"
    "pre-nms=300"
)
EPOCHS = 10
SEEDS = 3
FLIPS = {"none": (0.0, 0.0), "horizontal": (0.5, 0.0), "both": (0.5, 0.5)}
"""Probabilities of a horizontal and of a vertical flip."""
METRICS = ("ap_val", "ap50_val", "ap_test", "ap50_test")


def main() -> None:
    """Train what is missing, and write mean and standard deviation over the seeds."""
    parser = make_parser(__doc__, "flips")
    parser.add_argument("--records", type=Path, default=RESULTS / "flips.jsonl")
    parser.add_argument("--processes", type=int, default=1, help="trainings at a time")
    arguments = parser.parse_args()
    journal = Journal(arguments.records)
    finish(journal, next_training, processes=arguments.processes)
    numbers: dict[str, Any] = {"arch": ARCH, "epochs": EPOCHS, "seeds": SEEDS}
    for name in FLIPS:
        records = [journal[make(name, seed).key] for seed in range(SEEDS)]
        values = {metric: [record[metric] for record in records] for metric in METRICS}
        numbers[name] = {
            metric: {"mean": statistics.mean(of), "std": statistics.stdev(of)}
            for metric, of in values.items()
        }
    write_result(arguments.json, numbers, arguments.device)


def make(name: str, seed: int) -> Training:
    """Return one training."""
    horizontal, vertical = FLIPS[name]
    augmentation = Augmentation(horizontal_flip=horizontal, vertical_flip=vertical)
    recipe = Recipe(augmentation=augmentation)
    return Training(arch=ARCH, data="trees", epochs=EPOCHS, recipe=recipe, seed=seed)


def next_training(begun: Collection[str]) -> Piece | None:
    """Return the next training that was not begun."""
    for seed, name in product(range(SEEDS), FLIPS):
        training = make(name, seed)
        if training.key not in begun:
            work = partial(training.run, splits=("val", "test"))
            return Piece(training.key, work, {"flips": name, "seed": seed})
    return None


if __name__ == "__main__":
    main()
