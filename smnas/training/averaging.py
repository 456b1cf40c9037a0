"""A running average of the weights: steadier than the last step's at the same cost."""

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential running average of a module's floating-point parameters and buffers.

    The decay rises as ``(1 + n) / (10 + n)`` until it reaches ``decay``, so that a short training
    is not held back by its random start.

    Attributes:
        values: The averages, in the order of parameters and then buffers.
        updates: How many times weights were taken in.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._current = _floating_state(module)
        self.values = [value.clone() for value in self._current]
        self.updates = 0
        self._decay = decay

    @torch.no_grad()
    def update(self) -> None:
        """Take in the module's weights after a step."""
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for average, current in zip(self.values, self._current, strict=True):
            average.lerp_(current, 1.0 - decay)

    @torch.no_grad()
    def write_back(self) -> None:
        """Give the module the averaged weights."""
        for average, current in zip(self.values, self._current, strict=True):
            current.copy_(average)


def _floating_state(module: nn.Module) -> list[Tensor]:
    """The module's own tensors, detached but not copied."""
    values = [*module.parameters(), *module.buffers()]
    return [value.detach() for value in values if value.is_floating_point()]
