"""Reading weights of any origin: our own safetensors files, or what ``torch.save`` has made."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smnas.errors import WeightsError
from smnas.training.weights_file import WeightsFile, read_weights

_NESTED = ("state_dict", "model", "model_state", "model_state_dict", "ema")
"""Keys under which training scripts commonly put the weights in a larger dictionary."""


def read_any_weights(path: Path) -> WeightsFile:
    """Read safetensors, or what ``torch.save`` made of a state dict.

    The latter is read without running any code in it, also where the state dict lies under a key
    such as ``model``; it has no metadata.

    Raises:
        WeightsError: No such file, of another format, or one that holds no tensors.
    """
    if path.suffix == ".safetensors":
        return read_weights(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        first_line = str(error).strip().split("\n", 1)[0]
        raise WeightsError(
            f"{path}: expected safetensors, or a state dict saved by torch that holds tensors "
            f"only; got: {first_line}"
        ) from None
    return WeightsFile(_find_tensors(path, content), metadata={})


def _find_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        tensors = {str(k): v for k, v in content.items() if isinstance(v, Tensor)}
        if tensors:
            return tensors
        for key in _NESTED:
            if isinstance(content.get(key), Mapping):
                return _find_tensors(path, content[key])
    raise WeightsError(
        f"{path}: expected a dictionary of tensors, or one under a key such as "
        f"{', '.join(map(repr, _NESTED[:3]))}; got none"
    )
