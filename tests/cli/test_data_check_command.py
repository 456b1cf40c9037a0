"""``smnas data check``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def spoil(annotations: Path) -> None:
    content = json.loads(annotations.read_text())
    content["annotations"][3]["image_id"] = 77
    content["annotations"][4]["bbox"][2] = 0
    annotations.write_text(json.dumps(content))


def test_a_sound_set_ends_well_and_says_what_its_numbers_mean(
    call: Call, annotations: Path
) -> None:
    result = call("data", "check", annotations, "--json")
    facts = json.loads(result.stdout)
    assert result.exit_code == 0
    assert facts["errors"] == 0
    assert facts["noise_floor"]["ap50"] > 0.05
    assert "val-small" in {item["check"] for item in facts["findings"]}
    for item in facts["sizes_at_inputs"]:
        assert item["invisible"] + sum(item["levels"].values()) == pytest.approx(1)
    text = " ".join(call("data", "check", annotations).stdout.split())
    assert "means nothing" in text
    assert "at the searched inputs" in text


def test_errors_are_all_told_and_end_with_one(call: Call, annotations: Path) -> None:
    spoil(annotations)
    result = call("data", "check", annotations, "--json")
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    told = [place for item in facts["findings"] for place in item["places"]]
    assert any("no image 77" in place for place in told)
    assert any("expected a width and height above 0" in place for place in told)
    assert facts["errors"] == 2
    assert facts["noise_floor"] is not None  # of what is sound
    shown = call("data", "check", annotations)
    assert shown.exit_code == 1
    assert "no image 77" in shown.stdout
    assert "2 errors" in shown.stdout


def test_a_file_that_is_no_annotation_is_told_without_a_traceback(
    call: Call, annotations: Path
) -> None:
    annotations.write_text("{")
    result = call("data", "check", annotations, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["noise_floor"] is None


@pytest.mark.parametrize("arguments", [["gone.json"], ["tree"], ["trees", "--space", "huge"]])
def test_a_wrong_call_is_two(call: Call, arguments: list[str]) -> None:
    assert call("data", "check", *arguments).exit_code == 2
