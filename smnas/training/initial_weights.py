"""Weights to start from: what fits by name and shape is taken over, and the rest is said."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from smnas.errors import WeightsError
from smnas.training.weights_file import read_weights

_NESTED = ("state_dict", "model", "model_state", "model_state_dict", "ema")
"""Keys under which training scripts commonly put the weights in a larger dictionary."""
_THEIR_PREFIXES = ("", "module.", "model.", "backbone.", "backbone.body.", "body.")
_OUR_PREFIXES = ("", "backbone.", "backbone.body.", "backbone.stages.")
_COUNTED_NOT_LEARNED = "num_batches_tracked"


class InitReport(BaseModel):
    """What was taken over from a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    taken: int
    """Numbers (not tensors) of the detector that came from the file."""
    total: int
    """Numbers of the detector: parameters and running statistics."""
    skipped: tuple[str, ...]
    """Tensors of the detector that keep their random start, by name."""

    @property
    def share(self) -> float:
        """Share of the detector's numbers that were taken over, 0 to 1."""
        return self.taken / self.total

    @property
    def sentence(self) -> str:
        """The report in words, for logs and people."""
        text = (
            f"{self.source}: {100 * self.share:.1f} % of the detector's {self.total:,} numbers "
            "taken over"
        )
        if not self.skipped:
            return text
        named = ", ".join(self.skipped[:3]) + (", ..." if len(self.skipped) > 3 else "")
        return f"{text}; {len(self.skipped)} tensors start at random ({named})"


def load_initial_weights(detector: nn.Module, path: str | Path) -> InitReport:
    """Take over, in place, every tensor of a file that fits by name and shape.

    The file is safetensors, or what ``torch.save`` made of a state dict (read without running any
    code in it), also where the state dict lies under a key such as ``model``. Names are compared
    after the one change of prefix (``module.``, ``backbone.``, ...) under which most numbers fit.

    Args:
        detector: The network to fill.
        path: Our own file, or weights from torchvision, timm or elsewhere.

    Returns:
        Which share was taken over, and what was not.

    Raises:
        WeightsError: The file cannot be read, holds no tensors, or nothing in it fits.
    """
    path = Path(path)
    theirs = _read_tensors(path)
    ours = {
        name: value
        for name, value in detector.state_dict().items()
        if not name.endswith(_COUNTED_NOT_LEARNED)
    }
    matches = _best_match(ours, theirs)
    total = sum(value.numel() for value in ours.values())
    if not matches:
        raise WeightsError(
            f"{path}: none of its {len(theirs)} tensors fits the detector by name and shape; it "
            f"has names such as {_some(theirs)}, the detector {_some(ours)}. "
            "Choose weights of the same backbone, or train from scratch"
        )
    with torch.no_grad():
        for name, other in matches.items():
            ours[name].copy_(theirs[other])
    return InitReport(
        source=path.name,
        taken=sum(ours[name].numel() for name in matches),
        total=total,
        skipped=tuple(name for name in ours if name not in matches),
    )


def _best_match(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, str]:
    """Return our name to their name under the change of prefix that fits most numbers."""
    best: dict[str, str] = {}
    best_numbers = 0
    for their_prefix in _THEIR_PREFIXES:
        for our_prefix in _OUR_PREFIXES:
            found = {
                name: other
                for other, value in theirs.items()
                if other.startswith(their_prefix)
                and (name := our_prefix + other.removeprefix(their_prefix)) in ours
                and ours[name].shape == value.shape
            }
            numbers = sum(ours[name].numel() for name in found)
            if numbers > best_numbers:
                best, best_numbers = found, numbers
    return best


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return read_weights(path).tensors
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
    return _find_tensors(path, content)


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


def _some(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(repr(name) for name in list(tensors)[:3])
