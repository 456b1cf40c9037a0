"""Trains in forked children, kills them, and compares what comes of it. Run by test_resuming.py.

    python killed_fit.py FOLDER SHARE ...

Each SHARE of a whole training's time is when one child is killed by SIGKILL. A training that ends
before its kill is compared with the undisturbed one; then the next begins.
"""

import os
import signal
import sys
import time
from itertools import count
from pathlib import Path

import torch
from conftest import Squares, TinyDetector

from smnas.training.course import Course
from smnas.training.keeping import TRUNK, Checkpoints
from smnas.training.loop import fit
from smnas.training.recipe import Recipe
from smnas.training.weights_file import read_weights, write_weights

RECIPE = Recipe(batch=2, precision="float32", averaging=0.9)
COURSE = Course(12, horizon_epochs=24, cooldown_epochs=3)


def train(folder: Path, result: Path) -> None:
    """The child: train with a checkpoint after each step, and write the weights."""
    torch.manual_seed(0)
    detector = TinyDetector()
    clock = count().__next__
    store = Checkpoints(folder, every_seconds=0.0, most_share=1e9, clock=clock)
    fit(detector, Squares(), RECIPE, COURSE, seed=1, checkpoints=store)
    write_weights(result, detector.state_dict(), {})


def start(folder: Path, result: Path) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            train(folder, result)
            code = 0
        finally:
            os._exit(code)
    return child


def is_equal(one: Path, other: Path) -> bool:
    a, b = read_weights(one).tensors, read_weights(other).tensors
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def main(folder: Path, shares: list[float]) -> None:
    torch.set_num_threads(1)
    whole, result = folder / "whole.safetensors", folder / "result.safetensors"
    began = time.monotonic()
    assert os.waitpid(start(folder / "whole", whole), 0)[1] == 0
    seconds = time.monotonic() - began
    ended, starts = 0, 0
    coming = iter(shares)
    while True:
        share = next(coming, None)
        child = start(folder / "kept", result)
        starts += 1
        if share is not None:
            time.sleep(share * seconds)
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        assert status in (0, signal.SIGKILL), f"a child failed: {status}"
        if status == 0:
            assert is_equal(whole, result), "the weights differ"
            assert is_equal(folder / "whole" / TRUNK, folder / "kept" / TRUNK), "trunks differ"
            ended += 1
            for path in (folder / "kept").iterdir():
                path.unlink()
            if share is None:
                break
    sys.stdout.write(f"equal after {ended} of {starts} starts\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [float(share) for share in sys.argv[2:]])
