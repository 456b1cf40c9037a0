"""Leaving mixed precision where an operator cannot take it."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def float32_on(device: str) -> AbstractContextManager[Any]:
    """Return what switches autocast off; ``meta``, where shapes are counted, has none.

    Args:
        device: Type of the device. Tensors are still to be cast by hand.
    """
    known = torch.amp.is_autocast_available(device)
    is_on = known and torch.is_autocast_enabled(device)
    return torch.autocast(device, enabled=False) if is_on else nullcontext()
