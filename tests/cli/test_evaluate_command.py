"""``smnas evaluate``; what it shares with training is tested there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[..., Any]


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


def test_a_further_accuracy_is_measured(call: Call, annotations: Path, weights: Path) -> None:
    asked = call("evaluate", weights, annotations, "--metric", "recall@fppi=0.5", "--json")
    found = json.loads(asked.stdout)
    low, high = found["recall@fppi=0.5_test_interval"]
    assert low <= found["recall@fppi=0.5_test"] <= high


def test_accuracies_that_cannot_be_measured_are_refused(
    call: Call, annotations: Path, weights: Path
) -> None:
    for metric, told in (
        ("ap:zebra", "ap:zebra: no class of that name; one of: cat, dog"),
        ("ap_large", "--metric: ap_large: annotations.json has no object of that size"),
        ("latency_ms", "expected an accuracy"),
        ("app", "is no metric"),
    ):
        result = call("evaluate", weights, annotations, "--metric", metric)
        assert result.exit_code == 2
        assert told in " ".join(result.stderr.split())
