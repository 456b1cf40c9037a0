"""How well the time of a detector is predicted from the times of its blocks.

    python benchmarks/latency_prediction.py --json benchmarks/results/latency_prediction.json

Structures of the micro space are drawn at random: some draw the line from sums of blocks to whole
detectors, the others are unseen. All of them, in the form that ships with random weights, and all
their blocks are timed in turns in one process on one thread, round by round, each a few times in a
row, so that a machine that slows down slows all of them. ``--clock processor`` is for a busy
machine: the processor time of the process, which on one thread is what a quiet one's clock says.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from results import make_parser, write_result
from scipy.stats import spearmanr
from turns import CLOCKS

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.experiment.judging import build_twin
from smnas.export.onnx import export_model
from smnas.measure.blocks.calibration import Calibration, Example, calibrate
from smnas.measure.blocks.files import export_blocks
from smnas.measure.blocks.parts import Block
from smnas.measure.blocks.plan import plan_blocks
from smnas.measure.blocks.prediction import family_of
from smnas.measure.blocks.timing import TorchBlock
from smnas.seeding import generator
from smnas.space.known import known_space
from smnas.training.trained_detector import TrainedDetector

CATEGORIES = [Category(number, f"class {number}") for number in range(1, 5)]
PICTURE = (160, 160)
ROUNDS, IN_A_ROW = 12, 4
"""Of the repeats in a row the first one is not counted."""
Run = Callable[[], object]


def main() -> None:
    """Measure, predict, and write both."""
    parser = make_parser(__doc__, "latency_prediction")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="what times are read from")
    parser.add_argument("--unseen", type=int, default=50, help="structures that are predicted")
    parser.add_argument("--known", type=int, default=20, help="structures that draw the line")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    given = parser.parse_args()
    torch.set_num_threads(1)
    archs = draw(given.known + given.unseen, given.seed)
    blocks = {
        block.key: block for arch in archs for block in plan_blocks(arch, len(CATEGORIES), PICTURE)
    }
    numbers: dict[str, object] = {
        "structures": {"known": given.known, "unseen": given.unseen, "blocks": len(blocks)},
        "timing": {"clock": given.clock, "threads": 1, "rounds": ROUNDS, "in_a_row": IN_A_ROW - 1},
    }
    for name, make in {"torch-eager": runs_in_torch, "onnxruntime": runs_of_files}.items():
        numbers[name] = judge(make(archs, blocks), archs, given)
    write_result(given.json, numbers)
    write_page(given.json.with_suffix(".md"), numbers)


def draw(count: int, seed: int) -> list[DetectorArch]:
    """Return different structures in the form that ships."""
    every = list(known_space("micro").structural.enumerate())
    order = generator(seed, "latency prediction").permutation(len(every))
    return [every[place].deployed for place in order[:count]]


def runs_in_torch(archs: list[DetectorArch], blocks: Mapping[str, Block]) -> dict[str, Run]:
    """Return what runs each detector and each block once in torch."""
    picture = np.random.default_rng(0).integers(0, 256, (*PICTURE, 3), np.uint8)
    runs: dict[str, Run] = {}
    for arch in archs:
        twin = build_twin(arch, CATEGORIES, "cpu")
        runs[str(arch)] = lambda twin=twin: twin.predict(picture)
    for key, block in blocks.items():
        timed = TorchBlock(block, torch.device("cpu"))
        runs[key] = lambda timed=timed: timed.predict(picture)
    return runs


def runs_of_files(archs: list[DetectorArch], blocks: Mapping[str, Block]) -> dict[str, Run]:
    """Return what runs each detector and each block once in onnxruntime."""
    runs: dict[str, Run] = {}
    for arch in archs:
        twin: TrainedDetector = build_twin(arch, CATEGORIES, "cpu")
        runs[str(arch)] = run_file(export_model(twin.detector, CATEGORIES).SerializeToString())
    for block, model in export_blocks(list(blocks.values())):
        runs[block.key] = run_file(model.SerializeToString())
    return runs


def run_file(content: bytes) -> Run:
    """Return what runs an ONNX file once."""
    options: Any = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session: Any = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    feeds: dict[str, Any] = {
        item.name: rng.integers(0, 256, (*PICTURE, 3), np.uint8)
        if item.type == "tensor(uint8)"
        else rng.standard_normal(item.shape).astype(np.float32)
        for item in session.get_inputs()
    }
    return lambda: session.run(None, feeds)


def judge(
    runs: Mapping[str, Run], archs: list[DetectorArch], given: argparse.Namespace
) -> dict[str, object]:
    """Return how far the predictions of unseen detectors are from their times."""
    times = time_in_turns(runs, CLOCKS[given.clock])
    sums = {
        str(arch): sum(times[b.key] for b in plan_blocks(arch, len(CATEGORIES), PICTURE))
        for arch in archs
    }
    names = [str(arch) for arch in archs]
    known, unseen = names[: given.known], names[given.known :]
    line = calibrate([Example(family(name), sums[name], times[name]) for name in known])
    if line is None or any(not line.knows(family(name)) for name in unseen):
        raise SystemExit("--known: too few detectors to calibrate with")
    found = {name: line.predict(family(name), sums[name]) for name in names}
    predicted = np.array([found[name] for name in unseen])
    measured = np.array([times[name] for name in unseen])
    errors = np.abs(predicted / measured - 1.0)
    inside = [within(line, name, sums[name], times[name]) for name in unseen]
    correlation: Any = spearmanr(predicted, measured)
    return {
        "median_error": round(float(np.median(errors)), 4),
        "p90_error": round(float(np.quantile(errors, 0.9)), 4),
        "worst_error": round(float(errors.max()), 4),
        "rank_correlation": round(float(correlation.statistic), 4),
        "share_in_interval": round(float(np.mean(inside)), 4),
        "constants_ms": {name: round(ms, 4) for name, ms in line.constants_ms.items()},
        "factor": round(line.factor, 4),
        "said_error": round(line.error, 4),
        "fastest_ms": round(float(measured.min()), 3),
        "slowest_ms": round(float(measured.max()), 3),
        "detectors": [
            {"arch": name, "measured_ms": round(times[name], 3), "blocks_ms": round(sums[name], 3),
             "predicted_ms": round(found[name], 3), "unseen": name in unseen}
            for name in names
        ],
    }  # fmt: skip


def within(line: Calibration, name: str, sum_ms: float, measured_ms: float) -> bool:
    """Return whether a time lies where it was expected with 95 %."""
    low, high = line.interval(family(name), sum_ms)
    return low <= measured_ms <= high


def family(name: str) -> str:
    """Return the family of a detector by its text."""
    return family_of(DetectorArch.parse(name))


def time_in_turns(runs: Mapping[str, Run], clock: Callable[[], float]) -> dict[str, float]:
    """Return the median milliseconds of each run."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    gc.collect()
    gc.disable()
    for _ in range(ROUNDS):
        for name, run in runs.items():
            for repeat in range(IN_A_ROW):
                began = clock()
                run()
                if repeat:
                    times[name].append(1e3 * (clock() - began))
    gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def write_page(path: Path, numbers: Mapping[str, Any]) -> None:
    """Write the numbers as a page."""
    counts, timing = numbers["structures"], numbers["timing"]
    lines = [
        "# Latency predicted from blocks",
        "",
        f"{counts['unseen']} unseen structures of the micro space, as they ship, from "
        f"{counts['blocks']} blocks and a line through {counts['known']} others. Medians of "
        f"{timing['rounds'] * timing['in_a_row']} times in turns, in one process on one thread, "
        f"{timing['clock']} time.",
        "",
        "| runtime | median error | 90 % below | worst | rank correlation (Spearman) | "
        "in the interval | range, ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ("torch-eager", "onnxruntime"):
        row = numbers[name]
        lines.append(
            f"| {name} | {row['median_error']:.1%} | {row['p90_error']:.1%} | "
            f"{row['worst_error']:.1%} | {row['rank_correlation']:.3f} | "
            f"{row['share_in_interval']:.0%} | {row['fastest_ms']:.2f}-{row['slowest_ms']:.2f} |"
        )
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s")
