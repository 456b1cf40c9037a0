"""What every test is given: a cache of its own, and COCO files with real pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

MakeCoco = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Send what is cached to a folder that goes with the test run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMNAS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def coco_content() -> dict[str, Any]:
    """Six pictures of 64 x 48 with one box each; category ids neither contiguous nor from 1."""
    return {
        "images": [
            {"id": 10 + i, "file_name": f"picture_{i}.jpg", "width": 64, "height": 48}
            for i in range(6)
        ],
        "annotations": [
            {
                "id": 100 + i,
                "image_id": 10 + i,
                "category_id": (7, 3)[i % 2],
                "bbox": [4 + i, 5, 20, 16],
                "iscrowd": 0,
            }
            for i in range(6)
        ],
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
    }


@pytest.fixture
def make_coco(tmp_path: Path, coco_content: dict[str, Any]) -> MakeCoco:
    """Write a COCO file and a JPEG for each of its pictures; returns the file's path."""

    def make(content: Any = None, name: str = "my.json", pictures: bool = True) -> Path:
        content = coco_content if content is None else content
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        (path.parent / "images").mkdir(exist_ok=True)
        if pictures:
            rng = np.random.default_rng(0)
            for image in content["images"]:
                shape = (image["height"], image["width"], 3)
                noise = rng.integers(0, 255, shape, dtype=np.uint8)
                Image.fromarray(noise).save(path.parent / "images" / image["file_name"])
        return path

    return make
