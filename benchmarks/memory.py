"""How far peak memory is from what was predicted, for trainings and for exported files.

.venv/bin/python benchmarks/memory.py

Structures are drawn from the micro space and the larger ones around it. Each is trained for a few
steps in a process of its own, and its layers as a file are run by onnxruntime in another; the most
resident memory, less what was there before the network, is set against the prediction.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from detector_files import CLASSES, write_layers
from results import make_parser, write_result

from smnas.arch import DetectorArch
from smnas.data.dataset import Subset
from smnas.data.embedded import load_embedded
from smnas.detector.build import build_detector
from smnas.measure.memory import (
    peak_memory,
    predict_peak_memory,
    predict_training_memory,
)
from smnas.measure.standalone import Effort, Task, start_process
from smnas.seeding import generator
from smnas.space.known import known_space
from smnas.training.loop import fit
from smnas.training.precision import choose_precision
from smnas.training.recipe import Recipe

PICTURES = 24
"""Three steps: the optimizer's memory is there from the second on."""


def main() -> None:
    """Measure all structures, or in a process of its own a single one."""
    parser = make_parser(__doc__, "memory")
    parser.add_argument("--structures", type=int, default=20)
    parser.add_argument("--precision", default="auto", help="of the trainings: bf16 or float32")
    parser.add_argument("--train", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        print(json.dumps(train(DetectorArch.parse(arguments.train), arguments.precision)))
        return
    found = [measure(arch, arguments.precision) for arch in draw(arguments.structures)]
    errors = {name: error_of(found, name) for name in ("training_memory_mib", "peak_memory_mib")}
    write_result(arguments.json, errors | {"structures": found}, arguments.device)


def draw(count: int) -> list[DetectorArch]:
    """Return members of the micro space, every third at twice the input."""
    space, archs = known_space("micro").structural, []
    for index in range(count):
        arch = space.sample(generator(1, "memory", index))
        if index % 3 == 2:
            size = arch.input
            text = str(arch).replace(
                f"{size.width}x{size.height}/", f"{2 * size.width}x{2 * size.height}/", 1
            )
            arch = DetectorArch.parse(text)
        archs.append(arch)
    return archs


def error_of(found: Sequence[Mapping[str, object]], metric: str) -> dict[str, float]:
    """Return the relative errors of the prediction: their median and the largest."""
    ratios = [float(str(one[f"{metric}_predicted"])) / float(str(one[metric])) for one in found]
    errors = [abs(ratio - 1) for ratio in ratios]
    return {
        "median_error": round(statistics.median(errors), 3),
        "largest_error": round(max(errors), 3),
        "most_underestimated": round(1 - min(ratios), 3),
    }


def measure(arch: DetectorArch, precision: str) -> dict[str, object]:
    """Return what one structure took, MiB, beside what was predicted."""
    command = [sys.executable, __file__, "--train", str(arch), "--precision", precision]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "layers.onnx"
        write_layers(arch, file)
        run = start_process(Task([str(file)], effort=Effort(seconds=0.1)))
    predicted = predict_peak_memory(arch.deployed, CLASSES)
    found = {
        **json.loads(done.stdout.splitlines()[-1]),
        "peak_memory_mib": round(run.peak_memory_mib, 1),
        predicted.metric: round(predicted.value, 1),
    }
    print(json.dumps(found), file=sys.stderr, flush=True)
    return found


def train(arch: DetectorArch, choice: str) -> dict[str, object]:
    """Train for three steps in this process, and return what it took."""
    torch.set_num_threads(1)
    recipe = Recipe.model_validate({"precision": choice})
    precision = choose_precision(torch.device("cpu"), recipe.precision)
    data = load_embedded(f"scenes:easy,train={PICTURES},val=4,size=160").train
    pictures = Subset(data, range(PICTURES), "few")
    for index in range(PICTURES):
        pictures.read(index)
    classes = len(pictures.categories)
    predicted = predict_training_memory(arch, classes, recipe.batch, recipe.losses, 2)
    with peak_memory() as peak:
        detector = build_detector(arch, classes, recipe.losses, seed=0)
        fit(detector, pictures, recipe, 1, 0)
    return {
        "arch": str(arch),
        "precision": precision,
        "training_memory_mib": round(peak(), 1),
        predicted.metric: round(predicted.value, 1),
    }


if __name__ == "__main__":
    main()
