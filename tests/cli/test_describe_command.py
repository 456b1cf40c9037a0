"""``smnas describe``."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from smnas.arch import DetectorArch

Call = Callable[..., Any]
ARCH = "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-8/none/retina/convs=1/norm=gn-ws"


def test_json_holds_arch_id_and_cost_also_of_the_deployed_twin(call: Call) -> None:
    facts = json.loads(call("describe", ARCH, "--classes", 3, "--json").stdout)
    arch = DetectorArch.parse(ARCH)
    assert (facts["arch"], facts["arch_id"]) == (ARCH, arch.arch_id)
    assert facts["deployed"]["arch"] == str(arch.deployed)
    assert facts["params_m"] > 0
    assert facts["macs_g"] > 0
    assert facts["classes"] == 3
    assert DetectorArch.model_validate(facts["parts"]) == arch


def test_more_classes_cost_more(call: Call) -> None:
    few, many = (
        json.loads(call("describe", ARCH, "--classes", n, "--json").stdout) for n in (1, 90)
    )
    assert many["params_m"] > few["params_m"]
    assert many["macs_g"] > few["macs_g"]


def test_for_people_it_is_a_table(call: Call) -> None:
    text = call("describe", ARCH, "--classes", 3).stdout
    assert "deployed as" in text
    assert "basicblock, base 8" in " ".join(text.split())


def test_spaces_stand_side_by_side(call: Call) -> None:
    text = call("describe", "--spaces").stdout
    assert "micro" in text
    assert "paper" in text
    rows = json.loads(call("describe", "--spaces", "--json").stdout)
    assert {"micro", "paper"} <= set(rows[0])


@pytest.mark.parametrize(
    ("arch", "hint"), [("faster-rcnn-r50-fnp", "faster-rcnn-r50-fpn"), ("1x1/a/b/c/d", "nput")]
)
def test_a_faulty_text_is_explained(call: Call, arch: str, hint: str) -> None:
    result = call("describe", arch)
    assert result.exit_code == 2
    assert hint in result.stderr or "proposals" in result.stderr
