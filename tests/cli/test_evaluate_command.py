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
