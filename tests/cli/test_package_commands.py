"""From a run to a device and back, as a user calls it."""

import json
import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def folder(call, exported_run, tmp_path):
    result = call("package", exported_run, "--out", tmp_path / "made", "--json")
    assert result.exit_code == 0, result.stderr
    (made,) = json.loads(result.stdout)
    assert made["trial"] == 1
    assert made["recommended"]
    return tmp_path / "made" / "0001"


def test_a_package_goes_to_a_device_and_its_report_comes_back(call, exported_run, folder, tmp_path):
    device = shutil.copytree(folder, tmp_path / "device")
    script = [sys.executable, "-I", device / "measure.py", "--threads", "2"]
    done = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = device / "device-report.json"
    result = call("retarget", exported_run, "--device-report", report, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["kept"], found["changed"], found["recommended"]) == ([1], 0, 1)
    assert found["protocol"]["threads"] == 2
    assert (
        found["front"][0]["latency_ms"] == json.loads(report.read_text())["timings"][0]["median_ms"]
    )
    told = call("retarget", exported_run, "--device-report", report)
    assert told.exit_code == 0, told.stderr
    assert "0 members of the front changed; 1 of 1 stay; the same one is recommended" in told.stdout
    again = shutil.copy(report, tmp_path / "again.json")
    twice = call("retarget", exported_run, "--device-report", report, "--device-report", again)
    assert twice.exit_code == 1
    assert "a second report of trial 1" in twice.stderr


def test_replay_says_whether_the_numbers_hold(call, folder):
    result = call("replay", folder, "--json")
    numbers = {item["name"]: item for item in json.loads(result.stdout)["numbers"]}
    assert numbers["network"]["verdict"] == numbers["ap50"]["verdict"] == "holds"
    assert numbers["ap50"]["stored_interval"][0] <= numbers["ap50"]["now"]
    assert numbers["latency_ms"]["now"] > 0
    with (folder / "detector.onnx").open("ab") as file:
        file.write(b"more")
    result = call("replay", folder)
    assert result.exit_code == 1
    assert "detector.onnx was changed" in result.stderr


@pytest.mark.parametrize(("holds", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_of_replay_is_its_verdict(call, folder, monkeypatch, holds, code):
    from smnas.experiment import replay
    from smnas.experiment.replay import Replayed

    verdict = "holds" if holds else "does not hold"
    answer = [Replayed("ap", verdict, reason="so"), Replayed("latency_ms", "not compared")]
    monkeypatch.setattr(replay, "replay", lambda *_: answer)
    result = call("replay", folder)
    assert result.exit_code == code
    assert ("All that was compared holds (1 of 2" in result.stdout) == holds
    assert json.loads(call("replay", folder, "--json").stdout)["holds"] == holds


def test_other_commands_take_the_folder_as_they_take_weights(call, folder, exported_run, tmp_path):
    picture = next(exported_run.parent.parent.glob("*/data/0.png"))
    result = call("predict", folder, picture, "--score", 0, "--out", tmp_path / "found", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)[0]["detections"]
    result = call("export", folder, "--out", tmp_path / "again.onnx", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["weights"] == str(folder / "weights.safetensors")
    result = call("predict", tmp_path, picture)
    assert result.exit_code == 1


def test_wrong_calls_are_told(call, exported_run, folder):
    assert call("package", exported_run, "--half", "--int8").exit_code == 2
    again = call("package", exported_run, "--out", folder.parent)
    assert again.exit_code == 2
    assert "there already" in again.stderr
    lonely = call("replay", folder, "--images", folder)
    assert lonely.exit_code == 2
    assert "expected --data beside them" in lonely.stderr
