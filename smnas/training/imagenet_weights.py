"""ImageNet weights of backbones by name: which, under which licence, and where they come from."""

from dataclasses import dataclass

from torch import Tensor

from smnas.arch.parts import Backbone, CodedBackbone, TimmBackbone
from smnas.data.picture import MEAN_RGB, STD_RGB
from smnas.detector.named_backbone import TIMM_NAMES
from smnas.detector.timm_pyramids import (
    PretrainedWeights,
    describe_pretrained,
    download_pretrained,
    list_pretrained,
)
from smnas.errors import WeightsError

PERMISSIVE_LICENCES = ("apache-2.0", "mit", "bsd-3-clause")
"""Licences under which weights are fetched without being asked for by file."""


@dataclass(frozen=True)
class PinnedTag:
    """The weights of one backbone: timm's tag, and the licence that timm states for it."""

    tag: str
    licence: str


PINNED_TAGS = {
    "resnet18": PinnedTag("tv_in1k", "bsd-3-clause"),
    "resnet34": PinnedTag("tv_in1k", "bsd-3-clause"),
    "resnet50": PinnedTag("tv_in1k", "bsd-3-clause"),
    "resnet101": PinnedTag("tv_in1k", "bsd-3-clause"),
    "resnext50": PinnedTag("tv_in1k", "bsd-3-clause"),
    "resnext101": PinnedTag("gluon_in1k", "apache-2.0"),
    "mobilenetv2": PinnedTag("ra_in1k", "apache-2.0"),
}
"""Weights of the paper's backbones, trained on ImageNet-1k alone.

torchvision's where it has them, since they are what detectors of the paper's time began from. Of
ResNeXt-101 (32x4d) timm's default may not be used commercially; Gluon's are the only others.
"""


@dataclass(frozen=True)
class ImagenetWeights:
    """Tensors under timm's names, and a phrase that says whose they are."""

    source: str
    tensors: dict[str, Tensor]


def choose_weights(backbone: Backbone) -> PretrainedWeights | None:
    """Return which weights a backbone starts from: pinned ones, or those of timm's tag.

    A backbone ``timm:NAME`` without a tag gets timm's default one.

    Returns:
        None for a backbone by code, of which no ImageNet weights exist.

    Raises:
        ConfigError: timm is not installed.
        WeightsError: timm lists none, or their licence is not among ``PERMISSIVE_LICENCES``.
    """
    if isinstance(backbone, CodedBackbone):
        return None
    name = backbone.name
    if not isinstance(backbone, TimmBackbone):
        name = f"{TIMM_NAMES[name]}.{PINNED_TAGS[name].tag}"
    found = describe_pretrained(name)
    if found is None:
        raise WeightsError(
            f"backbone {name!r}: timm lists no ImageNet weights of it; train from scratch, or give "
            "a file with --init FILE (recipe: initial_weights)"
        )
    if found.licence not in PERMISSIVE_LICENCES:
        raise WeightsError(_say_licence(found))
    return found


def fetch_weights(backbone: Backbone) -> ImagenetWeights | None:
    """Return the tensors that ``choose_weights`` names, from the hub or what is kept of it here.

    Raises:
        ConfigError: timm is not installed.
        WeightsError: They may not be used, or cannot be fetched.
    """
    chosen = choose_weights(backbone)
    if chosen is None:
        return None
    try:
        tensors = download_pretrained(chosen.name)
    except WeightsError as error:
        raise WeightsError(
            f"{error}. Without network give the file: it is model.safetensors in the repository "
            f"{chosen.hub_id} of the Hugging Face hub, and --init FILE (recipe: initial_weights) "
            "takes it"
        ) from None
    return ImagenetWeights(_say_source(chosen), tensors)


def _say_source(weights: PretrainedWeights) -> str:
    text = f"ImageNet weights {weights.name} ({weights.licence})"
    if (weights.mean_rgb, weights.std_rgb) == (MEAN_RGB, STD_RGB):
        return text
    return (
        f"{text}, trained on pictures of mean {_numbers(weights.mean_rgb)} and deviation "
        f"{_numbers(weights.std_rgb)} where ours have {_numbers(MEAN_RGB)} and {_numbers(STD_RGB)}"
    )


def _numbers(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:g}" for value in values)


def _say_licence(weights: PretrainedWeights) -> str:
    free = [
        item.name for item in list_pretrained(weights.name) if item.licence in PERMISSIVE_LICENCES
    ]
    choice = f"write timm:{free[0]}, whose licence is permissive, or " if free else ""
    return (
        f"{weights.name}: its licence is {weights.licence!r}; weights are fetched only under "
        f"{', '.join(PERMISSIVE_LICENCES)}; {choice}get the file yourself (model.safetensors in "
        f"the repository {weights.hub_id} of the Hugging Face hub) and give it with --init FILE"
    )
