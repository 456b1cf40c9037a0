"""The folder that goes to a device, and what comes back from there."""

import json
import subprocess
import sys

import pytest
from tiny_trials import Squares

from smnas.arch import DetectorArch
from smnas.data.splits import Splits
from smnas.errors import ConfigError
from smnas.experiment import block_choice, block_folder
from smnas.experiment.block_folder import write_block_folder
from smnas.experiment.config import make_config
from smnas.experiment.prepare import Prepared
from smnas.measure import on_device
from smnas.measure.blocks.device_times import DeviceTimes, block_file
from smnas.measure.standalone import Effort
from smnas.search import SearchSettings
from smnas.space.modular import ModularSpace
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace
from smnas.trial.budget import Budget

SPACES = SpacePair.model_validate(
    {
        "name": "tiny",
        "structural": StructuralSpace(
            inputs=("32x32", "64x32"),
            backbones=("basicblock_8_1-2-2-2",),
            necks=tuple(f"fpn-p2-p3-{width}" for width in (8, 16, 24, 32)),
            heads=("none/retina/convs=1",),
        ),
        "modular": ModularSpace(bases=(8,), neck_widths=(8,), min_blocks=4, max_blocks=5),
        "yardstick": "32x32/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina/convs=1",
    }
)
SETTINGS = SearchSettings(
    trials=8, groups=1, finals=1, stage_one=Budget(epochs=1), stage_two=Budget(epochs=1),
    final=Budget(epochs=2), seed=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def config():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_choice, "DRAWN", 8)
        splits = Splits(train=Squares(), val=Squares(), test=None, notes=())
        ready = Prepared(splits, SPACES, SETTINGS, ())
        patch.setattr(block_folder, "prepare", lambda config: ready)
        yield make_config("trees")


@pytest.fixture(scope="module")
def written(config, tmp_path_factory):
    """What was written, and what was said meanwhile."""
    said = []
    place = tmp_path_factory.mktemp("blocks") / "edge"
    return write_block_folder(config, place, note=said.append), said


def test_the_folder_is_whole_and_says_what_it_holds(written):
    made, said = written
    folder = made.folder
    assert made.files == len(list(folder.rglob("*.onnx"))) - 1  # and the reference network
    assert made.mib == pytest.approx(
        sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20
    )
    assert said[0] == made.chosen.sentences[0]
    assert [path.name for path in folder.parent.iterdir()] == ["edge"]
    task = on_device.read_task(folder)  # compares the hashes
    assert set(task["files"]) == {*task["about"]["blocks"], *task["about"]["detectors"]}
    assert all(name == block_file(b["key"]) for name, b in task["about"]["blocks"].items())
    assert task["about"]["picture"] == [32, 32]
    readme = (folder / "README.md").read_text()
    assert f"{len(task['about']['blocks'])} parts" in readme
    assert "python measure.py --threads 1" in readme
    archs = list(map(DetectorArch.parse, task["about"]["detectors"].values()))
    assert archs == made.chosen.detectors


def test_what_measure_makes_of_it_predicts_the_detectors_of_the_space(
    written, tmp_path, monkeypatch
):
    effort = Effort(seconds=0.02, min_repeats=1, max_repeats=2, max_warmup=2)
    monkeypatch.setattr(on_device, "AT_ONCE", 60)
    report = tmp_path / "edge.json"
    report.write_text(json.dumps(on_device.make_report(written[0].folder, 1, effort)))
    times = DeviceTimes.read(report)
    assert len(times.detectors) == 9
    for arch in SPACES.structural.enumerate():
        assert times.predict(arch).value > 0


def test_its_script_runs_without_smnas(written, tmp_path):
    asked = subprocess.run(
        [sys.executable, "-I", str(written[0].folder / "measure.py"), "--help"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert "--threads" in asked.stdout


def test_a_folder_that_is_there_is_left_alone(config, tmp_path):
    (tmp_path / "edge").mkdir()
    with pytest.raises(ConfigError, match="edge: there already"):
        write_block_folder(config, tmp_path / "edge")


def test_limits_that_leave_no_detector_are_said(config, tmp_path):
    with pytest.raises(ConfigError, match=r"2 blocks .* too few .* --most-blocks"):
        write_block_folder(config, tmp_path / "edge", most_blocks=2)
    assert not (tmp_path / "edge").exists()
