"""Trains detectors alone and in two processes by gloo. Run by test_team.py, once for all its tests.

    python team_fit.py FOLDER

Each process of a training writes ``FOLDER/NAME/RANK.safetensors`` and ``FOLDER/NAME/RANK.json``.
"""

import os
import sys
from itertools import count
from pathlib import Path

import torch
from conftest import Squares

from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.training.keeping import Checkpoints
from smnas.training.loop import fit
from smnas.training.recipe import LEAN_LOSSES, Recipe
from smnas.training.team import joined
from smnas.training.weights_file import write_weights

RECIPE = Recipe(batch=5, precision="float32", averaging=0.9)
RCNN = "64x64/basicblock_8_1-1-1-1/fpn-p2-p3-8/rpn/rcnn/fc=16/proposals=20/rpn-pre-nms=50"
RETINA = "64x64/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina/convs=1"
TRAININGS = {
    "rcnn alone": (1, f"{RCNN}/norm=gn-ws", False),
    "rcnn shared": (2, f"{RCNN}/norm=gn-ws", False),
    "retina alone": (1, f"{RETINA}/norm=gn-ws", False),
    "retina shared": (2, f"{RETINA}/norm=gn-ws", True),
    "retina resumed": (2, f"{RETINA}/norm=gn-ws", True),
    "bn alone": (1, RETINA, False),
    "bn shared": (2, RETINA, False),
}
"""Processes, arch, and whether checkpoints are kept in a folder that trainings share."""


def train(folder: Path, rank: int, size: int, arch: str, store: Checkpoints | None) -> None:
    torch.set_num_threads(1)
    detector = build_detector(DetectorArch.parse(arch), 1, LEAN_LOSSES, seed=rank)
    rendezvous = f"file://{folder.resolve()}/rendezvous"
    with joined(rendezvous, rank, size, torch.device("cpu")):
        log = fit(detector, Squares(11), RECIPE, 4, seed=1, checkpoints=store)
    write_weights(folder / f"{rank}.safetensors", detector.state_dict(), {})
    (folder / f"{rank}.json").write_text(log.model_dump_json())


def start(folder: Path, rank: int, size: int, arch: str, keeps: bool) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            clock = count().__next__
            kept = folder.with_name("kept")
            store = Checkpoints(kept, every_seconds=0.0, most_share=1e9, clock=clock)
            train(folder, rank, size, arch, store if keeps else None)
            code = 0
        finally:
            os._exit(code)
    return child


def main(folder: Path) -> None:
    for name, (size, arch, keeps) in TRAININGS.items():
        place = folder / name.replace(" ", "-")
        place.mkdir()
        children = [start(place, rank, size, arch, keeps) for rank in range(size)]
        codes = [os.waitpid(child, 0)[1] for child in children]
        assert codes == [0] * size, (name, codes)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
