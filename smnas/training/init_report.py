"""Filling a detector with weights, and the report of what it got."""

from collections.abc import Collection, Mapping

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

_COUNTED_NOT_LEARNED = "num_batches_tracked"


class InitReport(BaseModel):
    """What a detector took over before its first step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    taken: int
    """Numbers (not tensors) of the detector that were taken over."""
    total: int
    """Numbers of the detector: parameters and running statistics."""
    skipped: tuple[str, ...]
    """Tensors of the detector that keep their random start, by name."""
    remapped: int = 0
    """Of ``taken``, those that were taken into layers of another width or for other classes."""
    identity_blocks: tuple[str, ...] = ()
    """Blocks that the weights' own arch lacks, by name: they start as their shortcut."""

    @property
    def share(self) -> float:
        """Share of the detector's numbers that were taken over, 0 to 1."""
        return self.taken / self.total

    @property
    def exact_share(self) -> float:
        """Share of the detector's numbers that were taken over in whole layers, 0 to 1."""
        return (self.taken - self.remapped) / self.total

    @property
    def sentence(self) -> str:
        """The report in words, for logs and people."""
        text = (
            f"{self.source}: {100 * self.exact_share:.1f} % of the detector's {self.total:,} "
            "numbers taken over"
        )
        if self.remapped:
            rest = 100 * self.remapped / self.total
            text += f" in whole layers, and {rest:.1f} % in layers of another width"
        if self.identity_blocks:
            text += f"; {len(self.identity_blocks)} new blocks start as their shortcut"
        if not self.skipped:
            return text
        named = ", ".join(self.skipped[:3]) + (", ..." if len(self.skipped) > 3 else "")
        return f"{text}; {len(self.skipped)} tensors start at random ({named})"


def learned_tensors(detector: nn.Module) -> dict[str, Tensor]:
    """Return the detector's own parameters and running statistics, by name."""
    return {
        name: value
        for name, value in detector.state_dict().items()
        if not name.endswith(_COUNTED_NOT_LEARNED)
    }


def fill(
    ours: Mapping[str, Tensor],
    values: Mapping[str, Tensor],
    source: str,
    resized: Mapping[str, int] | None = None,
    identity_blocks: Collection[str] = (),
) -> InitReport:
    """Write ``values`` into the tensors of the same names and shapes, and report.

    Args:
        ours: The detector's tensors.
        values: What they become; the others stay.
        source: Where ``values`` come from, for people.
        resized: Those of them that were brought into shape, with how many numbers of each come from
            the source.
        identity_blocks: Names of new blocks that start as their shortcut.
    """
    with torch.no_grad():
        for name, value in values.items():
            ours[name].copy_(value)
    partly = resized or {}
    whole = sum(ours[name].numel() for name in values if name not in partly)
    return InitReport(
        source=source,
        taken=whole + sum(partly.values()),
        total=sum(value.numel() for value in ours.values()),
        skipped=tuple(name for name in ours if name not in values),
        remapped=sum(partly.values()),
        identity_blocks=tuple(identity_blocks),
    )
