"""Networks of timm as pyramids of maps; the only file that imports timm."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import torch
from torch import Tensor

from smnas.errors import ArchError, ConfigError, WeightsError

_REFUSALS = (RuntimeError, AttributeError, AssertionError, TypeError, ValueError)
"""What timm's networks raise where they cannot be built or run as asked."""


@dataclass(frozen=True)
class PretrainedWeights:
    """Weights of a network as timm lists them.

    Attributes:
        name: Network and tag, such as ``resnet18.tv_in1k``.
        licence: As timm's table names it; ``unknown`` where it names none.
        hub_id: Where the hub has them.
        mean_rgb: What the pictures were normalised with when they were trained.
        std_rgb: The deviations beside ``mean_rgb``.
    """

    name: str
    licence: str
    hub_id: str
    mean_rgb: tuple[float, ...]
    std_rgb: tuple[float, ...]


def create_pyramid(name: str, **settings: Any) -> Any:
    """Return the network as a module from pictures to maps; ``.feature_info`` describes them.

    Args:
        name: timm's, with or without a tag of weights.
        settings: For ``timm.create_model``, such as ``out_indices``.

    Raises:
        ConfigError: timm is not installed.
        ArchError: timm has no such network, or it has no maps of the shape (B, C, H, W).
    """
    timm = _import_timm(name)
    if not timm.is_model(name):
        close = timm.list_models(f"*{name.split('_')[0][:6]}*")[:3]
        hint = f"such as {', '.join(close)}" if close else "see timm.list_models()"
        raise ArchError(f"backbone {name!r}: timm has no model of this name; {hint}")
    try:
        body = timm.create_model(name, pretrained=False, features_only=True, **settings)
    except _REFUSALS as error:
        raise ArchError(f"backbone {name!r}: timm cannot make a pyramid of it: {error}") from None
    if getattr(body, "output_fmt", "NCHW") != "NCHW":
        raise ArchError(f"backbone {name!r}: its maps are not (B, C, H, W); use another backbone")
    return body


def plan_pyramid(name: str, strides: Sequence[int], size: tuple[int, int]) -> dict[str, Any]:
    """Return the settings with which ``create_pyramid`` hands out maps of these strides.

    Networks that are made for one size of pictures, such as many with attention, are told ours.

    Args:
        name: timm's.
        strides: Wanted, ascending; where several maps have one, it is the last, the deepest.
        size: Height and width of the pictures.

    Raises:
        ConfigError: timm is not installed.
        ArchError: No such network, no such maps, or it takes no pictures of this size.
    """
    with torch.device("meta"):  # shapes without content: nothing is computed
        found = list(cast(list[int], create_pyramid(name).feature_info.reduction()))
        if not set(strides) <= set(found):
            raise ArchError(
                f"backbone {name!r}: has maps of strides {found}; this neck needs "
                f"{list(strides)}; choose other levels or another backbone"
            )
        places = tuple(len(found) - 1 - found[::-1].index(stride) for stride in strides)
        reason = ""
        for sizes in ({}, {"img_size": size}):
            try:
                create_pyramid(name, out_indices=places, **sizes).eval()(torch.empty(1, 3, *size))
            except _REFUSALS as error:
                reason = reason or str(error)
            else:
                return {"out_indices": places, **sizes}
    raise ArchError(
        f"backbone {name!r}: takes no pictures of {size[1]}x{size[0]}: {reason}; "
        "choose another size or backbone"
    )


def describe_pretrained(name: str) -> PretrainedWeights | None:
    """Return what timm knows of the weights of ``name``: those of its tag, or the default ones.

    Returns:
        None where timm lists no weights of this name, or none that the hub has.
    """
    _import_timm(name)
    found: Any = import_module("timm.models").get_pretrained_cfg(name, allow_unregistered=True)
    if found is None or not found.hf_hub_id:
        return None
    tag = f".{found.tag}" if found.tag else ""
    return PretrainedWeights(
        name=name.partition(".")[0] + tag,
        licence=found.license or "unknown",
        hub_id=found.hf_hub_id,
        mean_rgb=tuple(found.mean),
        std_rgb=tuple(found.std),
    )


def list_pretrained(name: str) -> tuple[PretrainedWeights, ...]:
    """Return all weights that timm lists for the network ``name``."""
    model = name.partition(".")[0]
    names: list[str] = _import_timm(name).list_pretrained(f"{model}.*")
    return tuple(item for item in map(describe_pretrained, names) if item is not None)


def download_pretrained(name: str) -> dict[str, Tensor]:
    """Return the tensors of the whole network, from the hub or what is kept of it here.

    Args:
        name: Network and tag.

    Raises:
        WeightsError: They cannot be fetched, for example without network.
    """
    timm = _import_timm(name)
    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # the hub's client raises errors of several packages
        first_line = str(error).strip().split("\n", 1)[0]
        raise WeightsError(f"{name}: cannot be fetched: {first_line}") from error


def _import_timm(name: str) -> Any:
    try:
        return import_module("timm")
    except ImportError:
        raise ConfigError(
            f"backbone {name!r}: backbones by name come from the package timm, which is not "
            "installed; run `pip install timm`, or use a code such as basicblock_64_11-21-21-21"
        ) from None
