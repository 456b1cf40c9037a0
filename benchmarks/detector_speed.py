"""Training and prediction speed of our detectors, against torchvision's own.

.venv/bin/python benchmarks/detector_speed.py
.venv/bin/python benchmarks/detector_speed.py --check-learning

Faster R-CNN and RetinaNet on ResNet-18 with a pyramid: the same function from the same weights
(``rivals``), in one process, in turns (``turns``). The second call, which takes much longer, trains
both on the same pictures, and adds what came of it to the file.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from learning import Lesson, check_learning
from micro_step import CANDIDATES, make_micro_step, measure_arithmetic, measure_matching
from results import STAMPS, make_parser, write_result
from rivals import (
    CPU,
    KINDS,
    ROIS,
    Kind,
    Step,
    build_ours,
    build_theirs,
    build_with_group_norm,
    check_macs,
    convert,
    draw_batch,
    lift_scores,
    make_step,
)
from torch import Tensor, nn
from turns import CLOCKS, ratios, summarise, time_in_turns

from smnas.arch import DetectorArch
from smnas.detector.norms import fold_batch_norms
from smnas.training.precision import Precision, autocast, choose_precision


def main() -> None:
    """Measure what was asked for, and write it beside what the file holds already."""
    parser = make_parser(__doc__, "detector_speed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=320, help="side of the pictures")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=4, help="turns of the training steps")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="see turns.py")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--check-learning", action="store_true")
    parser.add_argument("--learning-steps", type=int, default=300)
    parser.add_argument("--learning-size", type=int, default=160)
    parser.add_argument("--learning-batch", type=int, default=4)
    parser.add_argument("--learning-rois", type=int, default=ROIS, help="of each picture")
    parser.add_argument("--learning-seeds", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    path: Path = arguments.json
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    kept: dict[str, Any] = {name: item for name, item in known.items() if name not in STAMPS}
    if not arguments.check_learning:
        write_result(path, kept | measure(arguments), arguments.device)
        return
    for kind in arguments.kinds:  # each takes its quarter of an hour and more
        lesson = Lesson(
            steps=arguments.learning_steps,
            size=arguments.learning_size,
            batch=arguments.learning_batch,
            rois=arguments.learning_rois,
        )
        learned = check_learning(kind, lesson, arguments.learning_seeds)
        kept["learning"] = kept.get("learning", {}) | {kind: learned}
        write_result(path, kept, arguments.device)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return all numbers but those of learning."""
    clock, rounds = CLOCKS[arguments.clock], arguments.rounds
    precision = choose_precision(CPU, "auto")
    numbers: dict[str, Any] = {
        name: getattr(arguments, name) for name in ("threads", "size", "batch", "rounds", "clock")
    }
    numbers["default_precision"] = precision
    matching: dict[str, Any] = {}
    for kind in arguments.kinds:
        training = training_runs(kind, arguments.size, arguments.batch, precision)
        matching[kind] = measure_matching(training["ours"], rounds, clock)
        numbers[kind] = compare(kind, training, arguments)
    for name, text in CANDIDATES.items():
        step = make_micro_step(DetectorArch.parse(text), precision)
        matching[name] = measure_matching(step, rounds, clock)
    worst = max(matching.values(), key=lambda share: share["share"])
    return (
        numbers
        | measure_arithmetic(precision, 4 * rounds, clock)
        | {f"matching_{name}": value for name, value in worst.items()}
        | {"matching": matching}
    )


def compare(kind: Kind, steps: dict[str, Step], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the ratios of one detector.

    Those of times are torchvision's over ours: above 1, ours is faster. That of memory is ours over
    torchvision's: below 1, ours is smaller.
    """
    size, clock, precision = arguments.size, CLOCKS[arguments.clock], choose_precision(CPU, "auto")
    theirs = build_theirs(kind, size)
    ours_g, theirs_g = check_macs(kind, theirs, convert(theirs, size), size)
    training = time_in_turns(steps, arguments.rounds, clock)
    prediction, found = prediction_runs(kind, size, precision)
    predicting = time_in_turns(prediction, 4 * arguments.rounds, clock)
    memory = {who: measure_memory(kind, who, arguments) for who in ("ours", "ours_fp32", "theirs")}
    return {
        "macs_g": ours_g,
        "torchvision_macs_g": theirs_g,
        **summarise("train_ratio", ratios(training["theirs"], training["ours"])),
        **summarise("train_ratio_fp32", ratios(training["theirs"], training["ours_fp32"])),
        **summarise("train_ratio_gn_ws", ratios(training["theirs"], training["ours_gn_ws"])),
        **summarise("train_ratio_to_bf16", ratios(training["theirs_bf16"], training["ours"])),
        **summarise(
            "train_ratio_fp32_to_channels_last",
            ratios(training["theirs_channels_last"], training["ours_fp32"]),
        ),
        **summarise("predict_ratio", ratios(predicting["theirs"], predicting["ours"])),
        **summarise("predict_ratio_fp32", ratios(predicting["theirs"], predicting["ours_fp32"])),
        "memory_ratio": round(memory["ours"] / memory["theirs"], 3),
        "memory_ratio_fp32": round(memory["ours_fp32"] / memory["theirs"], 3),
        "memory_mib": memory,
        "detections": found,
        "train_seconds": {k: summarise("median", v) for k, v in training.items()},
        "predict_seconds": {k: summarise("median", v) for k, v in predicting.items()},
    }


def training_runs(kind: Kind, size: int, batch_size: int, precision: Precision) -> dict[str, Step]:
    """Return the steps that are compared; each has its own copy of the same weights."""
    batch = draw_batch(batch_size, size)
    theirs = build_theirs(kind, size)
    found = convert(theirs, size)
    for_theirs = batch.theirs(found.first_label)
    for_ours = (batch.images_B3HW, batch.targets)
    channels_last = [
        image[None].to(memory_format=torch.channels_last)[0] for image in for_theirs[0]
    ]
    last_model = build_theirs(kind, size).to(memory_format=torch.channels_last)
    return {
        "theirs": make_step(theirs, for_theirs, "float32"),
        "ours": make_step(build_ours(found), for_ours, precision),
        "ours_fp32": make_step(build_ours(found), for_ours, "float32"),
        "ours_gn_ws": make_step(build_with_group_norm(found), for_ours, precision),
        "theirs_bf16": make_step(build_theirs(kind, size), for_theirs, "bf16"),
        "theirs_channels_last": make_step(last_model, (channels_last, for_theirs[1]), "float32"),
    }


def prediction_runs(
    kind: Kind, size: int, precision: Precision
) -> tuple[dict[str, Callable[[], object]], dict[str, int]]:
    """Return predictions of one picture, and how many detections each finds.

    From the fitted tensor to final boxes. Ours is as deployed: batch norms folded away.
    """
    theirs = build_theirs(kind, size).eval()
    lift_scores(theirs)
    image_3HW = draw_batch(1, size).images_B3HW[0]
    ours = build_ours(convert(theirs, size)).eval()
    fold_batch_norms(ours)
    runs: dict[str, Callable[[], object]] = {
        "theirs": partial(predict, theirs, [image_3HW], "float32"),
        "ours": partial(predict, ours, image_3HW[None], precision),
        "ours_fp32": partial(predict, ours, image_3HW[None], "float32"),
        "theirs_bf16": partial(predict, theirs, [image_3HW], "bf16"),
    }
    found = {
        "theirs": len(predict(theirs, [image_3HW], "float32")[0]["boxes"]),
        "ours": int(predict(ours, image_3HW[None], "float32").valid_BD.sum()),
    }
    return runs, found


def predict(model: nn.Module, images: Tensor | list[Tensor], precision: Precision) -> Any:
    """Return what ``model`` finds."""
    with torch.inference_mode(), autocast(CPU, precision):
        return model(images)


def measure_memory(kind: Kind, who: str, arguments: argparse.Namespace) -> float:
    """Return MiB, from a process of its own."""
    options = ("size", "batch", "threads")
    command = [sys.executable, str(Path(__file__).with_name("step_memory.py")), kind, who]
    for name in options:
        command += [f"--{name}", str(getattr(arguments, name))]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
