"""``smnas data convert``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[..., Any]


def test_data_are_written_and_losses_said(call: Call, annotations: Path, tmp_path: Path) -> None:
    result = call("data", "convert", annotations, tmp_path / "yolo", "--to", "yolo")
    assert result.exit_code == 0, result.stderr
    text = " ".join(result.stdout.split())
    assert "yolo: train: 12 pictures, 12 boxes read" in text
    assert "categories.json" in text
    shown = call("data", tmp_path / "yolo", "--json")
    assert shown.exit_code == 0, shown.stderr
    assert '"cat"' in shown.stdout


def test_several_splits_are_written(call: Call, annotations: Path, tmp_path: Path) -> None:
    result = call(
        "data", "convert", annotations, tmp_path / "VOC", "--to", "voc", "--val", annotations
    )
    assert result.exit_code == 0, result.stderr
    assert sorted(file.name for file in (tmp_path / "VOC/ImageSets/Main").iterdir()) == [
        "train.txt",
        "val.txt",
    ]


def test_wrong_calls_end_with_2(call: Call, annotations: Path, tmp_path: Path) -> None:
    for arguments in (
        [annotations, tmp_path / "out"],
        [annotations, tmp_path / "out", "--to", "tfrecord"],
        [annotations, annotations.parent, "--to", "coco"],
        [tmp_path / "gone.json", tmp_path / "out", "--to", "coco"],
    ):
        result = call("data", "convert", *arguments)
        assert result.exit_code == 2
        assert result.stderr.strip()
    assert not (tmp_path / "out").exists()


def test_help_shows_the_example(call: Call) -> None:
    text = " ".join(call("data", "convert", "--help").stdout.split())
    assert "Example: smnas data convert my/VOC2012 my/coco --to coco" in text
    assert "convert" in call("data", "--help").stdout
