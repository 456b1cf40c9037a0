import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from smnas.archive.archive import Archive
from smnas.trial.trial import Trial

SPACE = {
    "name": "tiny",
    "structural": {
        "inputs": ["32x32", "64x64"],
        "backbones": ["basicblock_8_1-2-1-1", "basicblock_8_1-1-2-1"],
        "necks": ["fpn-p2-p3-8"],
        "heads": ["none/retina/convs=1/pre-nms=50", "rpn/rcnn/fc=16/proposals=20/rpn-pre-nms=50"],
        "keys": ["norm=gn-ws"],
    },
    "modular": {
        "bases": [8, 16],
        "neck_widths": [8, 16],
        "min_blocks": 4,
        "max_blocks": 5,
        "doublings": 1,
    },
    "yardstick": "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-8/none/retina/convs=1/norm=gn-ws",
}
CONFIG = {
    "trials": 4,
    "seeds": 2,
    "groups": 1,
    "finals": 2,
    "budgets": {
        "stage_one": {"epochs": 1},
        "stage_two": {"epochs": 1},
        "final": {"epochs": 2},
    },
    "recipe": {"batch": 4, "precision": "float32"},
    "clock": "stand-in",
    "runtime": "torch-eager",
}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A COCO file of 16 pictures of bright squares and circles, with ids that have gaps."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(16):
        image = Image.new("RGB", (64, 48), (40, 60, 40))
        pen = ImageDraw.Draw(image)
        for kind in range(2):
            left, top = rng.integers(2, 12) + 30 * kind, rng.integers(2, 16)
            box = [int(left), int(top), int(left) + 18, int(top) + 18]
            (pen.rectangle if kind == 0 else pen.ellipse)(box, fill=(230, 220, 90 + 100 * kind))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": 100 + 7 * number,
                    "category_id": (3, 11)[kind],
                    "bbox": [box[0], box[1], 18, 18],
                    "area": 324,
                    "iscrowd": 0,
                }
            )
        name = f"picture {number}.png"
        image.save(folder / name)
        images.append({"id": 100 + 7 * number, "file_name": name, "width": 64, "height": 48})
    categories = [{"id": 3, "name": "square"}, {"id": 11, "name": "circle"}]
    path = folder / "shapes.json"
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return path


@pytest.fixture(scope="session")
def config(tmp_path_factory) -> Path:
    """A configuration for a search of seconds, in a space of its own."""
    folder = tmp_path_factory.mktemp("config")
    space = folder / "tiny.json"
    space.write_text(json.dumps(SPACE))
    path = folder / "search.json"
    path.write_text(json.dumps({**CONFIG, "space": str(space)}))
    return path


@pytest.fixture(scope="session")
def read() -> Callable[[Path], tuple[Trial, ...]]:
    """Return what reads the trials of a run folder."""

    def read_trials(folder: Path) -> tuple[Trial, ...]:
        archive = Archive.open(folder)
        archive.close()
        return tuple(archive.trials())

    return read_trials
