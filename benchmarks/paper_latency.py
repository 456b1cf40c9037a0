"""Known detectors at their own input sizes: is their order on this device the paper's on a V100?

.venv/bin/python benchmarks/paper_latency.py

No data are needed: times do not depend on what the weights have learned, but for the few
milliseconds of NMS.
"""

import statistics
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import torch
from results import make_parser, write_result
from turns import CLOCKS, ratios, summarise, time_in_turns

from smnas.arch import DetectorArch
from smnas.arch.known import KNOWN_DETECTORS
from smnas.data.dataset import Category
from smnas.detector.build import build_detector
from smnas.detector.norms import fold_batch_norms
from smnas.training.trained_detector import TrainedDetector

REFERENCE = "faster-rcnn-r50-fpn"
PAPER_MS = {
    # Measured by the authors of SM-NAS (their model zoo).
    "sm-nas-e0": 24.56,
    "sm-nas-e2": 39.50,
    # 1000 / fps of mmdetection 1.x's model zoo, where the paper has its classic detectors from.
    "faster-rcnn-r50-fpn": 1000 / 13.6,
    "faster-rcnn-r101-fpn": 1000 / 11.9,
    "retinanet-r50-fpn": 1000 / 12.1,
    "retinanet-r101-fpn": 1000 / 10.9,
    "cascade-rcnn-r50-fpn": 1000 / 11.9,
    "cascade-rcnn-r101-fpn": 1000 / 10.3,
    "ga-faster-rcnn-r50-fpn": 1000 / 9.6,
}
"""Milliseconds on a V100, pre- and post-processing included."""
CLASSES = 80


def main() -> None:
    """Time what was asked for in turns, and write how it stands beside the paper."""
    parser = make_parser(__doc__, "paper_latency")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="see turns.py")
    parser.add_argument("--names", nargs="+", choices=PAPER_MS, default=list(PAPER_MS))
    parser.add_argument("--shrink", type=int, default=1, help="divide the sides of all inputs")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    names = list(dict.fromkeys([REFERENCE, *arguments.names]))
    runs = {name: make_run(name, arguments.shrink, arguments.device) for name in names}
    seconds = time_in_turns(runs, arguments.rounds, CLOCKS[arguments.clock])
    settings = {key: getattr(arguments, key) for key in ("threads", "rounds", "clock", "shrink")}
    write_result(arguments.json, settings | compare(seconds), arguments.device)


def make_run(name: str, shrink: int, device: str) -> Callable[[], object]:
    """Return the prediction of one picture of the detector's own size, as it would be deployed."""
    arch = DetectorArch.parse(KNOWN_DETECTORS[name])
    width, height = arch.input.width // shrink, arch.input.height // shrink
    arch = arch.replace(input=arch.input.model_copy(update={"width": width, "height": height}))
    detector = build_detector(arch, CLASSES, seed=0).eval()
    fold_batch_norms(detector)
    categories = [Category(id=number, name=str(number)) for number in range(CLASSES)]
    trained = TrainedDetector(detector, categories).to(device)
    picture_HW3 = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return partial(trained.predict, picture_HW3)


def compare(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Return each time over that of the reference, here and in the paper, and whose order differs.

    Pairs that the paper has equal have no order.
    """
    rows = {
        name: {
            **summarise("latency_ms", [1e3 * value for value in times]),
            **summarise("ratio", ratios(times, seconds[REFERENCE])),
            "paper_ms": round(PAPER_MS[name], 1),
            "paper_ratio": round(PAPER_MS[name] / PAPER_MS[REFERENCE], 3),
        }
        for name, times in seconds.items()
    }
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    ordered = sorted(seconds, key=PAPER_MS.__getitem__)
    pairs = [pair for pair in combinations(ordered, 2) if PAPER_MS[pair[0]] < PAPER_MS[pair[1]]]
    swapped = [list(pair) for pair in pairs if medians[pair[0]] >= medians[pair[1]]]
    return {
        **rows,
        "same_order": not swapped,
        "pairs_in_order": f"{len(pairs) - len(swapped)} of {len(pairs)}",
        "swapped_pairs": swapped,
    }


if __name__ == "__main__":
    main()
