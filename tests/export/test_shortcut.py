"""The short way of exporting is taken, and leads where the long way leads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from smnas.export import capture, shortcut
from smnas.export.onnx import export_model
from smnas.export.onnx_file import check_onnx
from smnas.export.runtime import start
from smnas.export.shortcut import (
    remembered_registry,
    skip_decomposition,
    torchlib_registry,
)
from smnas.export.translations import TRANSLATIONS

STRUCTURES = [
    "64x64/basicblock_8_1-1-1-1/fpn-p2-p4-8/none/retina/convs=1/norm=gn-ws/score=0.005",
    "96x64/inverted_8_1-2-1-1/none/ga-rpn/cascade-2/fc=32/proposals=30",
    "64x64/resnet18/none/rpn/cascade-2/fc=16/score=0.005",
]


@pytest.mark.parametrize("text", STRUCTURES)
def test_short_way_computes_what_the_long_way_does(text, build, categories, pictures, monkeypatch):
    ways: list[bool] = []

    def note(program, translations):
        ways.append(skip_decomposition(program, translations))
        return ways[-1]

    detector = build(text)
    monkeypatch.setattr(capture, "skip_decomposition", note)
    short = _open(export_model(detector, categories))
    monkeypatch.setattr(capture, "skip_decomposition", lambda program, translations: False)
    long = _open(export_model(detector, categories))
    assert ways == [True]
    for picture in pictures[:3]:
        found, expected = short.predict(picture), long.predict(picture)
        assert len(found.scores) > 0
        np.testing.assert_allclose(found.boxes_xyxy, expected.boxes_xyxy, atol=1e-3)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
        np.testing.assert_array_equal(found.labels, expected.labels)


class _WritesIntoWhatIsRead(torch.nn.Module):
    def forward(self, values_N: torch.Tensor) -> torch.Tensor:
        double_N = values_N * 2
        view_N = double_N.view(-1, 2)
        double_N.add_(1)
        return view_N + double_N.view(-1, 2)


def test_values_that_others_read_are_taken_apart_by_torch():
    program = torch.export.export(_WritesIntoWhatIsRead(), (torch.ones(4),), strict=False)
    assert not skip_decomposition(program, TRANSLATIONS)
    found = torch.onnx.export(program, dynamo=True, verbose=False, optimize=False)
    session = onnxruntime.InferenceSession(found.model_proto.SerializeToString())
    name = session.get_inputs()[0].name
    (sums,) = session.run(None, {name: np.ones(4, np.float32)})
    np.testing.assert_array_equal(sums, np.full((2, 2), 6.0))


def test_registry_is_built_once_and_what_is_added_to_it_does_not_stay():
    known = torchlib_registry()
    before = {target: len(found) for target, found in known.functions.items()}
    with remembered_registry():
        copy = type(known).from_torchlib(opset_version=21)
        copy.register_op(torch.ops.aten.relu.default, TRANSLATIONS[torch.ops.aten.to.dtype])
    assert {target: len(found) for target, found in known.functions.items()} == before
    assert torchlib_registry() is known


def test_without_torchs_inside_exporting_goes_the_long_way(retina, categories, monkeypatch):
    monkeypatch.setattr(shortcut, "_registries", {21: None})
    assert _open(export_model(retina, categories)).arch == retina.arch


def _open(model: onnx.ModelProto):
    return start(check_onnx(Path("made.onnx"), model.SerializeToString()), Path("made.onnx"))


def test_warming_up_starts_no_thread_that_a_fork_would_lose():
    code = (
        "import os, torch; torch.set_num_threads(1); from smnas.export.onnx import warm_up; "
        "warm_up(); from smnas.export.shortcut import _registries; assert _registries[21]; "
        "print(len(os.listdir('/proc/self/task')))"
    )
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=alone)
    assert done.stdout.split() == ["1"], done.stderr
