"""Weights to start from: what fits is taken over, and the rest is said."""

from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from smnas.errors import WeightsError
from smnas.training.foreign_weights import read_any_weights
from smnas.training.name_match import match_names

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

    Names are compared after the one change of prefix (``module.``, ``backbone.``, ...) under which
    most numbers fit.

    Args:
        detector: The network to fill.
        path: Our own file, or weights from torchvision, timm or elsewhere.

    Returns:
        Which share was taken over, and what was not.

    Raises:
        WeightsError: The file cannot be read, holds no tensors, or nothing in it fits.
    """
    path = Path(path)
    theirs = read_any_weights(path).tensors
    ours = learned_tensors(detector)
    matches = match_names(ours, theirs)
    if not matches:
        raise WeightsError(
            f"{path}: none of its {len(theirs)} tensors fits the detector by name and shape; it "
            f"has names such as {_some(theirs)}, the detector {_some(ours)}. "
            "Choose weights of the same backbone, or train from scratch"
        )
    return _fill(ours, {name: theirs[other] for name, other in matches.items()}, path.name)


def learned_tensors(detector: nn.Module) -> dict[str, Tensor]:
    """Return the detector's own parameters and running statistics, by name."""
    return {
        name: value
        for name, value in detector.state_dict().items()
        if not name.endswith(_COUNTED_NOT_LEARNED)
    }


def _fill(ours: Mapping[str, Tensor], values: Mapping[str, Tensor], source: str) -> InitReport:
    """Write ``values``, named and shaped as ours, and report."""
    with torch.no_grad():
        for name, value in values.items():
            ours[name].copy_(value)
    return InitReport(
        source=source,
        taken=sum(ours[name].numel() for name in values),
        total=sum(value.numel() for value in ours.values()),
        skipped=tuple(name for name in ours if name not in values),
    )


def _some(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(repr(name) for name in list(tensors)[:3])
