import json

import pytest

from smnas.arch import DetectorArch
from smnas.experiment.block_choice import Chosen
from smnas.experiment.block_folder import BlockFolder

ARCH = DetectorArch.parse("retinanet-r18-quarter")


@pytest.fixture
def asked(monkeypatch):
    calls = []

    def stand_in(config, out, *, most_blocks, most_mib, note):
        calls.append((config, out, most_blocks, most_mib))
        note("writing")
        chosen = Chosen(True, detectors=[ARCH], seen=[5, 40], covered=[5, 30])
        return BlockFolder(out, 77, 12.5, chosen)

    monkeypatch.setattr("smnas.experiment.block_folder.write_block_folder", stand_in)
    return calls


def test_it_is_given_the_search_and_says_what_is_next(call, asked, tmp_path):
    out = tmp_path / "edge"
    found = call(
        "measure", "trees", "--blocks", "--out", out, "--inputs", "96x64", "--final-norm", "both",
        "--seed", "3",
    )  # fmt: skip
    assert found.exit_code == 0, found.stderr
    ((config, place, most_blocks, most_mib),) = asked
    assert (config.inputs, config.final_norm, config.seed) == (("96x64",), ("bn", "gn-ws"), 3)
    assert (place, most_blocks, most_mib) == (out, 1500, 2048.0)
    assert "77 files, 12 MiB" in found.stdout
    assert "--latency-from device-report.json" in found.stdout
    assert "writing" in found.stderr


def test_as_json_with_other_limits(call, asked, tmp_path):
    found = call(
        "measure", "trees", "--blocks", "--out", tmp_path / "edge", "--json", "--most-blocks", "9",
        "--most-mib", "7",
    )  # fmt: skip
    told = json.loads(found.stdout)
    assert asked[0][2:] == (9, 7.0)
    assert told["detectors"] == [str(ARCH)]
    assert told["structures"] == {"seen": 5, "covered": 5}
    assert told["stage_two_drawn"] == {"seen": 40, "covered": 30}


def test_without_blocks_it_says_what_measures_detectors(call, asked, tmp_path):
    found = call("measure", "trees", "--out", tmp_path / "edge")
    assert found.exit_code == 2
    assert "expected --blocks" in found.stderr
    assert "smnas evaluate" in found.stderr
    assert asked == []
