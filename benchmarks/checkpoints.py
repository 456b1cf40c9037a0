"""What checkpoints cost: a write of each, and its share of a training at the defaults.

For each detector: weights, AdamW's two moments and averaged weights, written again and again.

    python benchmarks/checkpoints.py
"""

import inspect
import statistics
import tempfile
import time
from pathlib import Path

import torch
from results import make_parser, write_result

from smnas.arch import DetectorArch
from smnas.arch.known import KNOWN_DETECTORS
from smnas.detector.build import build_detector
from smnas.training.averaging import WeightAverage
from smnas.training.checkpoint import (
    Checkpoint,
    TrainingState,
    read_checkpoint,
    write_checkpoint,
)
from smnas.training.fit_log import CurveState
from smnas.training.keeping import Checkpoints
from smnas.training.optimizer import build_optimizer
from smnas.training.recipe import Recipe
from smnas.training.state_tensors import state_tensors

DETECTORS = {
    "micro": "160x160/basicblock_16_11-21-21-12/fpn-p2-p5-32/rpn/rcnn/fc=256/norm=gn-ws",
    "sm-nas-e0": KNOWN_DETECTORS["sm-nas-e0"],
    "faster-rcnn-r50-fpn": KNOWN_DETECTORS["faster-rcnn-r50-fpn"],
}


def make_checkpoint(arch: str) -> Checkpoint:
    """Return the checkpoint of a detector after a step."""
    detector = build_detector(DetectorArch.parse(str(arch)), 80, seed=0)
    optimizer, average = build_optimizer(detector, Recipe()), WeightAverage(detector, 0.99)
    for parameter in detector.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    state = TrainingState(
        identity="benchmark",
        done=1,
        pictures=1,
        steps_before=0,
        average_updates=1,
        seconds=0.0,
        curve=CurveState(),
    )
    return Checkpoint(state_tensors(detector, optimizer, average), state)


def main() -> None:
    """Measure and write."""
    parser = make_parser(__doc__, "checkpoints")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--names", nargs="*", default=list(DETECTORS), choices=DETECTORS)
    arguments = parser.parse_args()
    defaults = inspect.signature(Checkpoints).parameters
    every_s = defaults["every_seconds"].default
    numbers: dict[str, object] = {"every_s": every_s}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        for name in arguments.names:
            checkpoint = make_checkpoint(DETECTORS[name])
            writes, reads = [], []
            for _ in range(arguments.rounds):
                start = time.perf_counter()
                write_checkpoint(path, checkpoint)
                middle = time.perf_counter()
                read_checkpoint(path)
                writes.append(middle - start)
                reads.append(time.perf_counter() - middle)
            write_s = statistics.median(writes)
            # A write that is dear is due less often.
            pause_s = max(every_s, write_s / defaults["most_share"].default)
            numbers[name] = {
                "mib": round(path.stat().st_size / 2**20, 1),
                "write_s": round(write_s, 4),
                "read_s": round(statistics.median(reads), 4),
                "share_of_training": round(write_s / (write_s + pause_s), 5),
            }
    write_result(arguments.json, numbers, arguments.device)


if __name__ == "__main__":
    main()
