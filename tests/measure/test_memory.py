import subprocess
import sys

import pytest
import torch
from torch import nn

from smnas.arch import DetectorArch
from smnas.detector.loss_settings import LossSettings
from smnas.measure.memory import (
    LiveBytes,
    measured_training_memory,
    predict_peak_memory,
    predict_training_memory,
)

SMALL = DetectorArch.parse("128x128/basicblock_8_1-2-1-1/fpn-p2-p4-16/none/retina")
ROIS = DetectorArch.parse("128x128/basicblock_8_1-2-1-1/fpn-p2-p4-16/rpn/rcnn/fc=64")
MIB = 2**20


def test_tensors_are_followed_until_they_are_freed():
    """By hand: each layer's input is kept for the way back, 1 MiB each, and all are freed there."""
    with torch.device("meta"):
        convs = [nn.Conv2d(16, 16, 3, padding=1, bias=False) for _ in range(5)]
        net = nn.Sequential(*(layer for conv in convs for layer in (conv, nn.SiLU())))
        pictures = torch.empty(1, 16, 128, 128)
        with LiveBytes() as live:
            output = net(pictures)
            assert live.now == 10 * MIB
            output.backward(torch.empty_like(output))
            assert 11 * MIB <= live.peak <= 13 * MIB
        del output
    weights = 4 * sum(item.numel() for item in net.parameters())
    assert live.now == weights  # their gradients


def test_without_gradients_only_what_is_needed_lives():
    with torch.device("meta"), torch.no_grad(), LiveBytes() as live:
        pictures = torch.empty(1, 16, 128, 128)
        nn.Sequential(*[nn.SiLU() for _ in range(9)])(pictures)
    assert live.peak == 3 * MIB  # the picture, an input and an output


@pytest.mark.parametrize("arch", [SMALL, ROIS])
def test_a_training_takes_more_for_larger_batches_and_optimizers(arch):
    def predict(batch, states=2):
        return predict_training_memory(arch, 3, batch, LossSettings(), states)

    one = predict(4)
    assert (one.metric, one.unit) == ("training_memory_mib_predicted", "MiB")
    assert predict(8).value > 1.4 * one.value - 22  # apart from the constant
    assert predict(8).value > one.value > predict(4, 1).value
    assert predict_peak_memory(arch, 3).value < one.value


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_peak_is_seen_after_it_has_passed():
    """In a new process: one that has freed much before takes new memory from that."""
    script = """
import numpy as np
from smnas.measure.memory import MIB, peak_memory
with peak_memory() as peak:
    np.ones(40 * MIB, np.uint8)
print(peak())
with peak_memory() as peak:
    pass
print(peak())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    first, second = map(float, done.stdout.split())
    assert 35 < first < 60
    assert second < 5  # it began anew


def test_a_measured_peak_says_what_it_is_of():
    found = measured_training_memory(123.0, 8)
    assert (found.metric, found.value, found.unit) == ("training_memory_mib", 123.0, "MiB")
    assert "batch 8" in found.protocol.rule
