"""Weights to start from: what fits is taken over, and the rest is said."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from smnas.arch.parts import Backbone
from smnas.data.dataset import Category
from smnas.data.detector_file import ARCH_KEY, read_metadata
from smnas.detector.detector import Detector
from smnas.errors import ConfigError, MissingFileError, WeightsError
from smnas.training.foreign_weights import read_any_weights
from smnas.training.imagenet_weights import choose_weights, fetch_weights
from smnas.training.init_report import InitReport, fill, learned_tensors
from smnas.training.name_match import match_names
from smnas.training.recipe import IMAGENET
from smnas.training.remap import fill_from_own
from smnas.training.torchvision_names import is_torchvision_detector, to_our_names
from smnas.training.torchvision_weights import convert_torchvision


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


def load_initial_weights(
    detector: Detector, start: str | Path, categories: Sequence[Category] = ()
) -> InitReport:
    """Take over, in place, what fits of the weights that a recipe starts from.

    A file of ours, or of a torchvision detector that can be one of ours, is matched part by part,
    whatever its arch (``part_match.py``, ``resize.py``).
    Names of foreign weights are compared after the one change of prefix (``module.``,
    ``backbone.``, ...) under which most numbers fit.

    Args:
        detector: The network to fill.
        start: ``imagenet``; or our own file, or weights from torchvision, timm or elsewhere. The
            detector of a backbone without ImageNet weights keeps its random start.
        categories: What the detector's labels stand for, to be matched with the file's; where not
            known, it is taken for the same in the same order.

    Returns:
        Which share was taken over, and what was not.

    Raises:
        WeightsError: The weights cannot be had, hold no tensors, or nothing in them fits.
    """
    if start == IMAGENET:
        found = fetch_weights(detector.arch.backbone)
        if found is None:
            source = f"no ImageNet weights exist for {detector.arch}"
            return fill(learned_tensors(detector), {}, source)
        return _fill_by_name(detector, found.tensors, found.source)
    path = Path(start)
    file = read_any_weights(path)
    if ARCH_KEY in file.metadata:
        arch, theirs = read_metadata(path, file.metadata)
        return fill_from_own(detector, categories, file.tensors, arch, theirs, path.name)
    if is_torchvision_detector(file.tensors):
        return _fill_from_torchvision(detector, categories, file.tensors, path.name)
    return _fill_by_name(detector, file.tensors, path.name)


def _fill_from_torchvision(
    detector: Detector,
    categories: Sequence[Category],
    tensors: Mapping[str, Tensor],
    source: str,
) -> InitReport:
    try:
        found = convert_torchvision(tensors)
    except WeightsError:  # Another kind of backbone or head: what is alike is taken over.
        return _fill_by_name(detector, to_our_names(tensors), source)
    theirs = found.categories()
    return fill_from_own(detector, categories, found.tensors, found.arch, theirs, source)


def _fill_by_name(detector: Detector, theirs: Mapping[str, Tensor], source: str) -> InitReport:
    ours = learned_tensors(detector)
    matches = match_names(ours, theirs)
    if not matches:
        raise WeightsError(
            f"{source}: none of its {len(theirs)} tensors fits the detector by name and shape; it "
            f"has names such as {_some(theirs)}, the detector {_some(ours)}. "
            "Choose weights of the same backbone, or train from scratch"
        )
    return fill(ours, {name: theirs[other] for name, other in matches.items()}, source)


def _some(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(repr(name) for name in list(tensors)[:3])
