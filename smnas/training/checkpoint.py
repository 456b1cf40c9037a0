"""A checkpoint: all that a training needs to go on as if it had never stopped.

A safetensors file with JSON in its metadata, whole or not at all, and a checksum over everything
that it says. Order, windows, augmentation and sampling follow from the seed and the step, so no
random state is in it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, uint8

from smnas.errors import WeightsError
from smnas.training.fit_log import CurveState
from smnas.training.weights_file import read_weights, write_weights

_STATE, _CHECKSUM = "smnas.training", "smnas.checksum"


class TrainingState(BaseModel):
    """What a training is, and how far it has come."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: str
    """Equal for trainings that take the same steps, as far as both go."""
    done: int
    """Steps that were taken."""
    pictures: int
    steps_before: int
    """Steps that a lower rung had taken."""
    average_updates: int
    seconds: float
    curve: CurveState


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint.

    Attributes:
        tensors: Weights, optimizer's state and averaged weights, by name, on the CPU when read.
        state: The rest.
        is_start: Whether another training had written it, a lower rung.
    """

    tensors: Mapping[str, Tensor]
    state: TrainingState
    is_start: bool = False


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write one file, whole or not at all; folders on the way are made.

    Raises:
        StorageFullError: The disk is full; what was there is kept.
    """
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in checkpoint.tensors.items()
    }
    state = checkpoint.state.model_dump_json()
    write_weights(path, tensors, {_STATE: state, _CHECKSUM: _checksum(tensors, state)})


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one file.

    Raises:
        WeightsError: No such file, cut short, altered, or no checkpoint of this version.
    """
    file = read_weights(path)
    state = file.metadata.get(_STATE, "")
    if file.metadata.get(_CHECKSUM) != _checksum(file.tensors, state):
        raise WeightsError(f"{path}: its checksum is not that of its content: it was altered")
    try:
        return Checkpoint(file.tensors, TrainingState.model_validate_json(state))
    except ValidationError:
        raise WeightsError(f"{path}: no checkpoint that this version can read") from None


def _checksum(tensors: Mapping[str, Tensor], state: str) -> str:
    found = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        value = tensors[name]
        found.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(value.reshape(-1).view(uint8).numpy().data)
    return found.hexdigest()
