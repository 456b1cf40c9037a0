import pytest
import torch
from torch import nn

from smnas.training.averaging import WeightAverage


def test_average_is_the_recursion_of_its_definition() -> None:
    layer = nn.Linear(1, 1, bias=False)
    values = [0.5, -1.0, 2.0, 4.0, 3.0]
    nn.init.constant_(layer.weight, values[0])
    average = WeightAverage(layer, decay=0.2)
    expected = values[0]
    for n, value in enumerate(values[1:]):
        nn.init.constant_(layer.weight, value)
        average.update()
        decay = min(0.2, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value
    average.write_back()
    assert layer.weight.item() == pytest.approx(expected)


def test_running_statistics_are_averaged_and_counters_are_not() -> None:
    norm = nn.BatchNorm2d(2)
    average = WeightAverage(norm, decay=0.999)
    for _ in range(3):
        norm(torch.randn(4, 2, 3, 3) + 5.0)
        average.update()
    last = norm.running_mean.clone()
    average.write_back()
    assert (norm.running_mean < last).all()
    assert norm.num_batches_tracked == 3
