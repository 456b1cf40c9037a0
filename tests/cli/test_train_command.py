"""``smnas train``, ``evaluate`` and ``data`` on a small data set of one's own."""

import json
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


def test_a_file_is_evaluated_whole(call: Call, annotations: Path, weights: Path) -> None:
    found = json.loads(call("evaluate", weights, annotations, "--json").stdout)
    assert found["pictures"] == 12
    assert "ap50_test" in found
    text = call("evaluate", weights, annotations).stdout
    assert "ap50, test" in text


def test_an_unknown_split_is_refused(call: Call, annotations: Path, weights: Path) -> None:
    result = call("evaluate", weights, annotations, "--split", "validation")
    assert result.exit_code == 2
    assert "expected train, val, test" in " ".join(result.stderr.split())


def test_data_is_summarised(call: Call, annotations: Path) -> None:
    facts = json.loads(call("data", annotations, "--json").stdout)
    assert sum(part["pictures"] for part in facts["splits"].values()) == 12
    assert sum(part["boxes"] for part in facts["splits"].values()) == 12
    assert facts["noise_floor"]["ap50"] > 0
    text = call("data", annotations).stdout
    assert "cat" in text
    assert "means nothing" in " ".join(text.split())


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
