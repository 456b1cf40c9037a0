"""Files of the users' formats with real pictures, written where a test wants them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def save_noise(path: Path, width: int = 64, height: int = 48) -> None:
    """Write a picture of that size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def voc_xml(
    objects: Sequence[tuple[object, ...]] = (("dog", 1, 1, 20, 20),),
    file_name: str = "a.jpg",
    size: tuple[int, int] = (64, 48),
) -> str:
    """Return a VOC annotation; objects are name, xmin, ymin, xmax, ymax and perhaps difficult."""
    keys = ("xmin", "ymin", "xmax", "ymax")
    told = "".join(
        f"<object><name>{name}</name><pose>Left</pose><truncated>0</truncated>"
        f"<difficult>{rest[4] if len(rest) > 4 else 0}</difficult><bndbox>"
        + "".join(f"<{key}>{value}</{key}>" for key, value in zip(keys, rest, strict=False))
        + "</bndbox></object>"
        for name, *rest in objects
    )
    return (
        f"<annotation><folder>VOC2012</folder><filename>{file_name}</filename>"
        f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
        f"{told}</annotation>"
    )


@pytest.fixture
def voc_folder(tmp_path: Path) -> Path:
    """A VOC folder of six pictures (0 to 3 train, 4 and 5 val) with a dog; 1 and 5 show a cat."""
    root = tmp_path / "VOC2012"
    for folder in ("Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for number in range(6):
        save_noise(root / f"JPEGImages/2008_{number}.jpg")
        objects: list[tuple[object, ...]] = [("dog", 1 + number, 1, 20, 20)]
        if number in (1, 5):
            objects.append(("cat", 30, 10, 64, 48, 1))
        xml = voc_xml(objects, f"2008_{number}.jpg")
        (root / f"Annotations/2008_{number}.xml").write_text(xml)
    for split, numbers in (("train", range(4)), ("val", (4, 5)), ("trainval", range(6))):
        lines = "".join(f"2008_{number}\n" for number in numbers)
        (root / f"ImageSets/Main/{split}.txt").write_text(lines)
    return root


@pytest.fixture
def bdd_frames(tmp_path: Path) -> list[dict[str, Any]]:
    """Frames as in the published files; their pictures lie in ``images``."""

    def label(category: str, box: Sequence[float] | None, **more: Any) -> dict[str, Any]:
        corners = None if box is None else dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))
        return {"id": "7", "category": category, "box2d": corners, "poly2d": None, **more}

    for name in ("a.jpg", "b.jpg", "c.jpg"):
        save_noise(tmp_path / "images" / name)
    cars = [
        label("car", (3.5, 4, 22, 30), attributes={"occluded": True, "truncated": False}),
        label("lane/crosswalk", None),
        label("bike", (0, 0, 63, 47), id=12),
        label("other vehicle", (40, 10, 50, 20)),
        label("person", (5, 5, 9, 19), attributes={"crowd": True}),
    ]
    return [
        {"name": "a.jpg", "videoName": "a", "timestamp": 10000, "index": 0, "labels": cars},
        {"name": "b.jpg", "attributes": {"weather": "clear"}, "frameIndex": 3, "labels": None},
        {"name": "c.jpg", "labels": [label("traffic light", (1, 1, 4, 9))]},
    ]


@pytest.fixture
def yolo_folder(tmp_path: Path) -> Path:
    """A YOLO folder: three pictures to train on (one without labels), one to validate."""
    root = tmp_path / "yolo"
    for name in ("train/a", "train/b", "train/c", "val/d"):
        save_noise(root / f"images/{name}.jpg")
        (root / f"labels/{name}.txt").parent.mkdir(parents=True, exist_ok=True)
    (root / "labels/train/a.txt").write_text("1 0.5 0.5 0.25 0.5\n0 0.125 0.25 0.25 0.5\n")
    (root / "labels/train/b.txt").write_text("")
    (root / "labels/val/d.txt").write_text("0 0.5 0.5 1 1\n")
    (root / "data.yaml").write_text(
        "path: .\ntrain: images/train\nval: images/val\ntest:\nnc: 2\nnames: [cat, dog]\n"
    )
    return root
