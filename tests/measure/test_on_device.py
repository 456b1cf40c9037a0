"""The script of front packages, run as on a device: without smnas, torch or anything else."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from smnas.detector.contract import Prediction
from smnas.export import parity
from smnas.measure import on_device, standalone
from smnas.measure.device_report import FORMAT, read_device_report
from smnas.measure.file_latency import measure_latency_of_file
from smnas.measure.standalone import Effort

BRIEF = Effort(seconds=0.02, max_warmup=3)
ALONE = """
import importlib.abc, runpy, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        allowed = set(sys.stdlib_module_names) | {"numpy", "onnxruntime", "standalone"}
        if root not in allowed and root not in ALSO:
            raise ImportError(f"not on this device: {name}")
ALSO = {"coloredlogs", "google", "packaging", "sympy", "flatbuffers"}  # what onnxruntime looks for
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def make_file(path, scores=(0.9, 0.5)):
    """Write a file that finds two boxes in every picture."""
    boxes = np.array([[1, 2, 30, 40], [5, 5, 20, 20]], np.float32)
    values = {"boxes": boxes, "all": np.array(scores, np.float32), "ids": np.array([7, 3])}
    nodes = [
        helper.make_node("Identity", [name], [output])
        for name, output in zip(values, ("boxes_xyxy", "scores", "labels"), strict=True)
    ]
    outputs = [
        helper.make_tensor_value_info("boxes_xyxy", TensorProto.FLOAT, [2, 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [2]),
        helper.make_tensor_value_info("labels", TensorProto.INT64, [2]),
    ]
    picture = helper.make_tensor_value_info("picture", TensorProto.UINT8, ["H", "W", 3])
    constants = [numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "found", [picture], outputs, constants)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return {"boxes": boxes, "scores": values["all"], "labels": values["ids"]}


@pytest.fixture
def folder(tmp_path):
    """A folder as it goes to a device, with one file and one picture."""
    folder = tmp_path / "package"
    folder.mkdir()
    found = make_file(folder / "detector.onnx")
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    np.savez_compressed(
        folder / "check.npz", picture_0=picture, **{f"{k}_0": v for k, v in found.items()}
    )
    shutil.copy(on_device.__file__, folder / "measure.py")
    shutil.copy(standalone.__file__, folder / "standalone.py")
    shutil.copy(standalone.REFERENCE, folder)
    write_task(folder)
    return folder


def write_task(folder, **changes):
    digest = hashlib.sha256((folder / "detector.onnx").read_bytes()).hexdigest()
    task = {
        "format": on_device.TASK_FORMAT,
        "precision": "float32",
        "files": {"detector.onnx": digest},
        "check": "check.npz",
        "detector": None,
    }
    (folder / "measure.json").write_text(json.dumps(task | changes))


def run_alone(folder, *arguments):
    """Run the script with nothing importable but NumPy and onnxruntime."""
    call = [sys.executable, "-I", "-c", ALONE, str(folder / "measure.py"), *arguments]
    return subprocess.run(call, capture_output=True, text=True, cwd=folder.parent)


def test_a_device_without_smnas_makes_a_report(folder, tmp_path):
    done = run_alone(folder, "--threads", "2")
    assert done.returncode == 0, done.stderr
    assert "4 of 4 detections on 1 pictures are those stored" in done.stdout
    report = read_device_report(folder / "device-report.json")
    (timed,) = report.timings
    assert timed.sha256 == hashlib.sha256((folder / "detector.onnx").read_bytes()).hexdigest()
    assert timed.interval_ms[0] <= timed.median_ms <= timed.interval_ms[1]
    assert report.check.hold
    # On this machine it is the protocol by which smnas itself times files.
    own = measure_latency_of_file(
        folder / "detector.onnx", np.zeros((4, 4, 3), np.uint8), threads=2
    )
    assert report.protocol == own[0].protocol
    elsewhere = tmp_path / "other.json"
    assert run_alone(folder, "--out", str(elsewhere)).returncode == 0
    assert read_device_report(elsewhere).protocol.threads == 1


def test_a_device_that_finds_something_else_says_so(folder):
    make_file(folder / "detector.onnx", scores=(0.9, 0.45))
    write_task(folder)
    done = run_alone(folder)
    assert done.returncode == 1
    assert "2 of 4 detections" in done.stdout
    assert "something else than was measured" in done.stdout
    assert not read_device_report(folder / "device-report.json").check.hold


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("detector.onnx", b"other", "was changed or is not whole"),
        ("detector.onnx", None, "is missing"),
        ("check.npz", b"\x80\x04.", "cannot be read"),
        ("check.npz", None, "cannot be read"),
        ("measure.json", b"{", "cannot be read"),
        ("measure.json", b'{"format": "other"}', "expected the format"),
    ],
)
def test_a_folder_that_is_not_whole_is_told(folder, name, content, words):
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(on_device.DeviceError, match=words) as caught:
        on_device.make_report(folder, 1, BRIEF)
    assert name in str(caught.value)


def test_pickled_pictures_are_not_read(folder):
    harmful = np.array([Harmful()], dtype=object)
    np.savez(folder / "check.npz", picture_0=harmful, boxes_0=harmful)
    with pytest.raises(on_device.DeviceError, match="cannot be read"):
        on_device.read_pictures(folder / "check.npz")
    assert "SMNAS_WAS_HARMED" not in os.environ


class Harmful:
    def __reduce__(self):
        return os.putenv, ("SMNAS_WAS_HARMED", "1")


def test_files_without_pictures_are_timed_in_groups(folder, monkeypatch):
    monkeypatch.setattr(on_device, "AT_ONCE", 2)
    names = [f"block_{index}.onnx" for index in range(3)]
    for name in names:
        shutil.copy(standalone.REFERENCE, folder / name)
    digest = hashlib.sha256(standalone.REFERENCE.read_bytes()).hexdigest()
    write_task(folder, files=dict.fromkeys(names, digest), check=None)
    report = on_device.make_report(folder, 1, BRIEF)
    assert [item["file"] for item in report["timings"]] == names
    assert all(item["median_ms"] > 0 for item in report["timings"])
    assert report["check"] is None


def test_blocks_are_told_as_what_they_are_and_look_at_pictures_of_their_size(folder, monkeypatch):
    about = {
        "picture": [40, 30],
        "classes": 2,
        "blocks": {"block.onnx": {"key": "Pool", "alike": "Pool", "macs": 0, "values": 9}},
        "detectors": {"detector.onnx": "retinanet-r18-quarter"},
    }
    shutil.copy(standalone.REFERENCE, folder / "block.onnx")
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("detector.onnx", "block.onnx")
    }
    write_task(folder, files=files, check=None, about=about)
    shapes, measure = [], on_device.measure

    def watch(task):
        shapes.append(np.load(task.picture).shape)
        return measure(task)

    monkeypatch.setattr(on_device, "measure", watch)
    report = on_device.make_report(folder, 1, BRIEF)
    assert shapes == [(40, 30, 3)]
    path = folder / "device-report.json"
    path.write_text(json.dumps(report))
    assert read_device_report(path).about.model_dump(mode="json") == about
    told = on_device._tell(report, path)
    assert "detector.onnx: " in told
    assert "block.onnx: " not in told
    assert "1 blocks; " in told


def test_partners_are_those_of_the_parity_gate():
    """The copy counts as the gate of smnas.export does, on detections that nearly agree."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        count = int(rng.integers(0, 12))
        one = [
            rng.uniform(0, 20, (count, 4)).astype(np.float32),
            rng.uniform(0.04, 0.06, count).astype(np.float32),
            rng.integers(0, 2, count),
        ]
        moved = one[0] + rng.uniform(-0.7, 0.7, (count, 4)).astype(np.float32)
        order = rng.permutation(count)
        shifted = one[1] + rng.uniform(-1.5e-3, 1.5e-3, count).astype(np.float32)
        other = [moved[order], shifted[order], one[2][order]]
        ours = on_device.count_partners(one, other) + on_device.count_partners(other, one)
        assert ours == parity.count_partners([(Prediction(*one), Prediction(*other))])[0]


def test_limits_and_format_are_those_of_smnas():
    assert on_device.REPORT_FORMAT == FORMAT
    for name in ("MIN_SCORE", "MOST_PIXELS", "MOST_SCORE", "LEAST_PARTNERED"):
        assert getattr(on_device, name) == getattr(parity, name)
