"""Weights to start from: what fits is taken over, and the rest is said."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from smnas.arch.parts import Backbone
from smnas.detector.detector import Detector
from smnas.errors import ConfigError, MissingFileError, WeightsError
from smnas.training.foreign_weights import read_any_weights
from smnas.training.imagenet_weights import choose_weights, fetch_weights
from smnas.training.name_match import match_names
from smnas.training.recipe import IMAGENET

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
    identity_blocks: tuple[str, ...] = ()
    """Blocks that the weights' own arch lacks, by name: they start as their shortcut."""

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


def check_start(start: str | Path | None, backbones: Sequence[Backbone]) -> None:
    """Make sure that the weights to start from are there, before hours are spent.

    Args:
        start: A recipe's ``initial_weights``.
        backbones: Those that will be trained; of ImageNet weights one's are fetched as a probe.

    Raises:
        ConfigError: ImageNet weights for backbones of which none exist.
        MissingFileError: No such file.
        WeightsError: ImageNet weights that may not be used, or cannot be fetched.
    """
    if start == IMAGENET:
        named = [backbone for backbone in backbones if choose_weights(backbone) is not None]
        if not named:
            raise ConfigError(
                "initial_weights: 'imagenet': expected a backbone by name, such as resnet18; got "
                "backbones by code only, of which no ImageNet weights exist; give a file, or train "
                "from scratch"
            )
        fetch_weights(named[0])
    elif start is not None and not Path(start).is_file():
        raise MissingFileError(f"initial_weights: {start}: no such file")


def load_initial_weights(detector: Detector, start: str | Path) -> InitReport:
    """Take over, in place, what fits of the weights that a recipe starts from.

    Names of foreign weights are compared after the one change of prefix (``module.``,
    ``backbone.``, ...) under which most numbers fit.

    Args:
        detector: The network to fill.
        start: ``imagenet``; or our own file, or weights from torchvision, timm or elsewhere. The
            detector of a backbone without ImageNet weights keeps its random start.

    Returns:
        Which share was taken over, and what was not.

    Raises:
        WeightsError: The weights cannot be had, hold no tensors, or nothing in them fits.
    """
    ours = learned_tensors(detector)
    if start == IMAGENET:
        found = fetch_weights(detector.arch.backbone)
        if found is None:
            return _fill(ours, {}, f"no ImageNet weights exist for {detector.arch}")
        return _fill_by_name(ours, found.tensors, found.source)
    path = Path(start)
    return _fill_by_name(ours, read_any_weights(path).tensors, path.name)


def _fill_by_name(
    ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], source: str
) -> InitReport:
    matches = match_names(ours, theirs)
    if not matches:
        raise WeightsError(
            f"{source}: none of its {len(theirs)} tensors fits the detector by name and shape; it "
            f"has names such as {_some(theirs)}, the detector {_some(ours)}. "
            "Choose weights of the same backbone, or train from scratch"
        )
    return _fill(ours, {name: theirs[other] for name, other in matches.items()}, source)


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
