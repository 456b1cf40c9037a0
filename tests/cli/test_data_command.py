"""``smnas data``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[..., Any]


def test_data_is_summarised(call: Call, annotations: Path) -> None:
    facts = json.loads(call("data", annotations, "--json").stdout)
    assert sum(part["pictures"] for part in facts["splits"].values()) == 12
    assert sum(part["boxes"] for part in facts["splits"].values()) == 12
    assert facts["noise_floor"]["ap50"] > 0
    text = call("data", annotations).stdout
    assert "cat" in text
    assert "means nothing" in " ".join(text.split())


def test_faults_are_named_and_nothing_is_printed(call: Call, annotations: Path) -> None:
    content = json.loads(annotations.read_text())
    content["annotations"][3]["image_id"] = 77
    content["annotations"][4]["category_id"] = 99
    annotations.write_text(json.dumps(content))
    result = call("data", annotations, "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "annotations[3]" in result.stderr
    assert "no category 99" in result.stderr
