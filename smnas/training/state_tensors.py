"""The tensors of a training by name: weights, optimizer's state and averaged weights."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from smnas.detector.detector import Detector
from smnas.training.averaging import WeightAverage

_WEIGHTS, _OPTIMIZER, _AVERAGE = "weights.", "optimizer.", "average."


def state_tensors(
    detector: Detector, optimizer: torch.optim.Optimizer, average: WeightAverage | None
) -> dict[str, Tensor]:
    """Return the tensors as they are, not copied.

    Those of the optimizer are named ``optimizer.NUMBER.NAME``, NUMBER as in its ``state_dict``.
    """
    found = {f"{_WEIGHTS}{name}": value for name, value in detector.state_dict().items()}
    states: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    for number, state in states.items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                found[f"{_OPTIMIZER}{number}.{name}"] = value
    for number, value in enumerate(average.values if average else ()):
        found[f"{_AVERAGE}{number}"] = value
    return found


@torch.no_grad()
def load_tensors(
    tensors: Mapping[str, Tensor],
    detector: Detector,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage | None,
) -> None:
    """Give detector, optimizer and average what ``state_tensors`` found in their equals."""
    detector.load_state_dict(_under(_WEIGHTS, tensors))
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in _under(_OPTIMIZER, tensors).items():
        number, _, key = name.partition(".")
        states.setdefault(int(number), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": states, "param_groups": groups})
    if average is not None:
        kept = _under(_AVERAGE, tensors)
        for number, value in enumerate(average.values):
            value.copy_(kept[str(number)])


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
