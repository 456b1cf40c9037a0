"""How fast pictures come to the trainer, and how fast a large set is opened.

Pictures: JPEG files of 1280 x 960, cut from the embedded photographs, to inputs of 320 x 240; an
epoch of ours (one thread) in turns with one of a plain torchvision data set (one process).
``share_of_step`` is the time of making a batch over that of a micro candidate's training step, both
on one thread; ``waiting_share`` what the trainer waits for batches, of a whole epoch.

Opening: a COCO file of 100,000 pictures with 800,000 boxes, prepared, in a fresh process: seconds
and by how much it raises the peak memory of a process that has imported torch (which by itself is
``imports_mb``); beside them those of the first opening.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from micro_step import CANDIDATES
from PIL import Image
from plain_dataset import PlainDataset, plain_loader
from results import make_parser, write_result
from turns import ratios, summarise, time_in_turns

from smnas.arch import DetectorArch
from smnas.arch.parts import InputSize
from smnas.data.cache import CACHE_VARIABLE
from smnas.data.coco import load_coco
from smnas.data.dataset import DetectionDataset
from smnas.data.loader import TrainLoader
from smnas.data.trees import load_trees
from smnas.detector.build import build_detector
from smnas.training.optimizer import build_optimizer
from smnas.training.precision import autocast, choose_precision
from smnas.training.recipe import Recipe

SOURCE, TARGET = (1280, 960), InputSize(width=320, height=240)
_BOXES = 8
_OPEN = """
import json, re, sys, time
from pathlib import Path
from smnas.data.sources import DataSpec, load_splits

def peak_mb():  # not getrusage's: that one is at least what the parent had when it started this
    status = Path("/proc/self/status").read_text()
    return int(re.search("VmHWM:.*?([0-9]+) kB", status)[1]) * 1024 / 1e6

before, start = peak_mb(), time.perf_counter()
splits = load_splits(DataSpec(source=sys.argv[1], val=sys.argv[2], test=sys.argv[2]), seed=0)
seconds = time.perf_counter() - start
print(json.dumps([len(splits.train), seconds, peak_mb() - before, before]))
"""


def main() -> None:
    """Measure, and write ``results/loader_speed.json``."""
    parser = make_parser(__doc__, "loader_speed")
    parser.add_argument("--pictures", type=int, default=240, help="JPEG files of an epoch")
    parser.add_argument("--rounds", type=int, default=7, help="epochs of each loader")
    parser.add_argument("--open", type=int, default=100_000, help="pictures of the opened set")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE_VARIABLE] = str(Path(folder) / "cache")
        pictures = load_coco(write_pictures(Path(folder), options.pictures))
        numbers = measure_epochs(pictures, options) | measure_step(pictures, options)
        numbers |= measure_opening(Path(folder) / "large", options.open)
    write_result(options.json, numbers)


def measure_epochs(pictures: DetectionDataset, options: Namespace) -> dict[str, Any]:
    """Return how many times as fast as the plain data set ours is, later and in the first epoch."""
    recipe = Recipe()
    ours = make_loader(pictures, TARGET, recipe)
    plain = plain_loader(PlainDataset(pictures, TARGET, recipe.augmentation), recipe.batch, 1)
    numbers = iter(range(options.rounds + 2))
    start = time.perf_counter()
    count = drain(ours.epoch(next(numbers)))
    first = time.perf_counter() - start
    runs = {"ours": lambda: drain(ours.epoch(next(numbers))), "plain": lambda: drain(iter(plain))}
    seconds = time_in_turns(runs, options.rounds, time.perf_counter)
    return {
        **summarise("ratio", ratios(seconds["plain"], seconds["ours"])),
        **summarise("pictures_per_s", [count / item for item in seconds["ours"]]),
        **summarise("plain_pictures_per_s", [count / item for item in seconds["plain"]]),
        "first_epoch_ratio": round(float(np.median(seconds["plain"])) / first, 3),
    }


def drain(batches: Iterator[Any]) -> int:
    """Take all batches, and return how many pictures they had."""
    return sum(len(images) for images, _ in batches)


def make_loader(pictures: DetectionDataset, size: InputSize, recipe: Recipe) -> TrainLoader:
    """Return our loader, as ``fit`` makes it."""
    return TrainLoader(pictures, size, recipe.batch, recipe.augmentation, seed=0, drop_last=True)


def measure_step(pictures: DetectionDataset, options: Namespace) -> dict[str, Any]:
    """Return the loader's share of a micro candidate's training step."""
    recipe, arch = Recipe(), DetectorArch.parse(CANDIDATES["micro_one_stage"])
    loader = make_loader(pictures, arch.input, recipe)
    detector = build_detector(arch, len(pictures.categories), recipe.losses, seed=0).train()
    optimizer = build_optimizer(detector, recipe)
    device = torch.device("cpu")
    precision = choose_precision(device, recipe.precision)

    def step(batch: Any) -> None:
        with autocast(device, precision):
            losses = detector(*batch)
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    at_hand = next(loader.epoch(0))
    indices = np.arange(recipe.batch)
    runs = {"batch": lambda: loader.make_batch(1, indices), "step": lambda: step(at_hand)}
    seconds = time_in_turns(runs, 4 * options.rounds, time.perf_counter)
    waited, start, before = 0.0, time.perf_counter(), time.perf_counter()
    for batch in loader.epoch(1):
        waited += time.perf_counter() - before
        step(batch)
        before = time.perf_counter()
    whole = time.perf_counter() - start
    return {
        **summarise("share_of_step", ratios(seconds["batch"], seconds["step"])),
        "waiting_share": round(waited / whole, 4),
        "candidate": str(arch),
        "batch": recipe.batch,
    }


def write_pictures(folder: Path, count: int) -> Path:
    """Write JPEG files of 1280 x 960 with boxes of random places, and return their COCO file."""
    rng = np.random.default_rng(0)
    sheet = np.concatenate([load_trees().train.read(i)[0] for i in range(60)], axis=1)
    sheet = np.concatenate(np.array_split(sheet, 6, axis=1))[:, :1600]
    (folder / "images").mkdir()
    for number in range(count):
        left, top = rng.integers(0, np.array(sheet.shape[1::-1]) - SOURCE + 1)
        cut = sheet[top : top + SOURCE[1], left : left + SOURCE[0]]
        Image.fromarray(cut).save(folder / f"images/{number}.jpg", quality=90)
    return write_coco(folder / "pictures.json", count, rng)


def write_coco(path: Path, count: int, rng: np.random.Generator) -> Path:
    """Write a COCO file of ``count`` pictures with eight boxes each."""
    corners = rng.integers(0, (1100, 800), (count * _BOXES, 2)).tolist()
    sides = rng.integers(20, 160, (count * _BOXES, 2)).tolist()
    width, height = SOURCE
    content = {
        "images": [
            {"id": n, "file_name": f"{n}.jpg", "width": width, "height": height}
            for n in range(count)
        ],
        "annotations": [
            {"id": n, "image_id": n // _BOXES, "category_id": n % 3 + 1, "bbox": corner + side}
            for n, (corner, side) in enumerate(zip(corners, sides, strict=True))
        ],
        "categories": [{"id": n, "name": f"thing {n}"} for n in (1, 2, 3)],
    }
    path.write_text(json.dumps(content))
    return path


def measure_opening(folder: Path, count: int) -> dict[str, Any]:
    """Return seconds and peak memory of opening a set of ``count`` pictures, first and prepared."""
    (folder / "images").mkdir(parents=True)
    for number in range(count):
        (folder / f"images/{number}.jpg").touch()
    rng = np.random.default_rng(0)
    large = write_coco(folder / "train.json", count, rng)
    small = write_coco(folder / "val.json", min(count, 50), rng)
    opened: list[tuple[int, float, float, float]] = []
    for _ in range(4):
        command = [sys.executable, "-c", _OPEN, str(large), str(small)]
        told = subprocess.run(command, check=True, capture_output=True).stdout
        opened.append(json.loads(told))
    found, first_s, first_mb, imports_mb = opened[0]
    return {
        "open_100k_pictures": found,
        "open_100k_boxes": found * _BOXES,
        **summarise("open_100k_s", [seconds for _, seconds, _, _ in opened[1:]]),
        **summarise("open_100k_mb", [mb for _, _, mb, _ in opened[1:]]),
        "first_open_100k_s": round(first_s, 2),
        "first_open_100k_mb": round(first_mb),
        "imports_mb": round(imports_mb),
    }


if __name__ == "__main__":
    main()
