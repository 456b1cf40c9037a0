"""``smnas train`` on a small data set of one's own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smnas.cli.train_command import read_recipe
from smnas.errors import ConfigError

Call = Callable[..., Any]
ARCH = "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-8/none/retina/anchor-scale=3/convs=1"


def test_train_then_evaluate(call: Call, annotations: Path, tmp_path: Path) -> None:
    out = tmp_path / "trained"
    result = call("train", ARCH, annotations, "--epochs", 1, "--out", out, "--json")
    assert result.exit_code == 0, result.stderr
    trained = json.loads(result.stdout)
    assert Path(trained["weights"]).is_file()
    assert trained["arch"] == ARCH
    assert 0 <= trained["ap50"] <= 1
    assert trained["latency_ms"] > 0
    assert json.loads((out / "log.json").read_text())
    assert "split by picture" in " ".join(result.stderr.split())

    result = call("evaluate", out / "weights.safetensors", annotations, "--split", "val", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["ap50"] == pytest.approx(trained["ap50"])
    assert found["split"] == "val"


def test_recipe_comes_from_a_searchs_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"trials": 5, "recipe": {"batch": 4}}))
    recipe = read_recipe(file, tmp_path / "w.pth")
    assert recipe.batch == 4
    assert recipe.initial_weights == tmp_path / "w.pth"


def test_a_faulty_recipe_names_the_nearest_key(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"recipe": {"bach": 4}}))
    with pytest.raises(ConfigError, match="did you mean 'batch'"):
        read_recipe(file, None)


def test_imagenet_weights_of_a_code_are_refused_at_once(call: Call, annotations: Path) -> None:
    result = call("train", ARCH, annotations, "--init", "imagenet")
    assert result.exit_code == 2
    assert "no ImageNet weights exist; give a file" in " ".join(result.stderr.split())


def test_what_was_taken_over_is_said(call: Call, annotations: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    assert call("train", ARCH, annotations, "--epochs", 1, "--out", first).exit_code == 0
    weights = first / "weights.safetensors"
    result = call(
        "train", ARCH, annotations, "--epochs", 1, "--out", again, "--init", weights, "--json"
    )
    assert result.exit_code == 0, result.stderr
    assert "weights.safetensors: 100.0 % of the detector's" in " ".join(result.stderr.split())
    assert json.loads(result.stdout)["arch"] == ARCH


def test_an_interrupted_training_goes_on(
    call: Call, annotations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smnas.training.keeping.Checkpoints.is_due", lambda *_: True)
    monkeypatch.setattr("smnas.training.trained_detector.TrainedDetector.save", _raise_interrupt)
    out = tmp_path / "out"
    flags = ["train", ARCH, annotations, "--epochs", 2, "--out", out]
    assert call(*flags).exit_code != 0
    monkeypatch.undo()
    result = call(*flags)
    assert result.exit_code == 0, result.stderr
    assert "training goes on after step" in " ".join(result.stderr.split())
    assert not (out / "checkpoints").exists()


def _raise_interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_torchrun_shares_a_training(annotations: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "smnas", "train", ARCH, str(annotations), "--epochs=1", f"--out={out}"]
    ended = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["arch"] == ARCH
    assert (out / "weights.safetensors").is_file()
