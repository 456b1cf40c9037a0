"""``smnas predict``: drawn boxes and JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Call = Callable[..., Any]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "yard.png"
    pixels = np.random.default_rng(1).integers(0, 255, (48, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_boxes_are_drawn_and_written_as_json(
    call: Call, weights: Path, picture: Path, tmp_path: Path
) -> None:
    result = call("predict", weights, picture, "--score", 0, "--out", tmp_path / "f", "--json")
    assert result.exit_code == 0, result.stderr
    (entry,) = json.loads(result.stdout)
    assert json.loads((tmp_path / "f" / "predictions.json").read_text()) == [entry]
    assert (entry["width"], entry["height"]) == (80, 48)
    assert entry["detections"]
    for found in entry["detections"]:
        left, top, right, bottom = found["box_xyxy"]
        assert 0 <= left <= right <= 80
        assert 0 <= top <= bottom <= 48
        assert (found["category_id"], found["category"]) in ((3, "cat"), (7, "dog"))
    drawn = np.asarray(Image.open(entry["drawn"]), dtype=int)
    assert drawn.shape == (48, 80, 3)
    assert np.abs(drawn - np.asarray(Image.open(picture), dtype=int)).max() > 60


def test_a_run_stands_for_its_recommended_detector(
    call: Call, run_folder: Path, picture: Path, tmp_path: Path
) -> None:
    result = call("predict", run_folder, picture, "--out", tmp_path / "f")
    assert result.exit_code == 0, result.stderr
    assert "yard.png" in result.stdout.replace("\n", "")
    assert (tmp_path / "f" / "yard.jpg").is_file()


def test_score_leaves_out_what_is_below(
    call: Call, weights: Path, picture: Path, tmp_path: Path
) -> None:
    result = call("predict", weights, picture, "--score", 1, "--out", tmp_path / "f", "--json")
    assert json.loads(result.stdout)[0]["detections"] == []


def test_pictures_of_one_name_do_not_overwrite_each_other(
    call: Call, weights: Path, picture: Path, tmp_path: Path
) -> None:
    result = call("predict", weights, picture, picture, "--out", tmp_path / "f")
    assert result.exit_code == 0, result.stderr
    assert sorted(p.name for p in (tmp_path / "f").glob("*.jpg")) == ["yard-2.jpg", "yard.jpg"]


def test_a_broken_picture_is_named_and_the_others_are_done(
    call: Call, weights: Path, picture: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    result = call("predict", weights, broken, picture, "--out", tmp_path / "f", "--json")
    assert result.exit_code == 1
    assert "broken.jpg" in result.stderr
    assert [Path(entry["picture"]).name for entry in json.loads(result.stdout)] == ["yard.png"]


def test_a_run_without_weights_says_so(call: Call, run_folder: Path, picture: Path) -> None:
    (run_folder / "trials" / "0002" / "weights.safetensors").unlink()
    result = call("predict", run_folder, picture)
    assert result.exit_code == 1
    assert "trial 2" in result.stderr
