"""Computing without gradients, of which a graph that is captured without them shows nothing."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch

_P = ParamSpec("_P")
_R = TypeVar("_R")


def gradients_if(wanted: bool) -> AbstractContextManager[Any]:
    """Return what switches gradients off unless they are wanted; it switches none on."""
    is_on = torch.is_grad_enabled()
    return torch.no_grad() if is_on and not wanted else nullcontext()


def without_gradients(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Do as ``torch.no_grad`` does, but switch nothing where gradients are off.

    A captured graph notes each switch, and torch's exporter takes a sixth of its time to take the
    graph apart at them.
    """

    @wraps(function)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with gradients_if(False):
            return function(*args, **kwargs)

    return wrapped
