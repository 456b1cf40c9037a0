"""How a number was taken: what predicted, on which machine, with which libraries."""

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from smnas.detector.contract import Prediction
from smnas.measure.standalone import describe_cpu

LIBRARIES = ("faster-coco-eval", "numpy", "smnas", "torch", "torchvision")
"""The libraries whose version can move a number."""


class Predictor(Protocol):
    """Anything that finds objects in a picture: a trained detector, an exported file, a rival's."""

    def predict(self, picture_HW3: NDArray[np.uint8], /) -> Prediction:
        """Return the detections in one picture, in its own pixels and the data's category ids."""
        ...


@runtime_checkable
class PredictorOfMany(Predictor, Protocol):
    """One that can look at several pictures at once."""

    def predict_together(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[Prediction]:
        """Return the detections in each, equal to those of ``predict`` up to rounding."""
        ...


@dataclass(frozen=True)
class Runtime:
    """What runs the network: accuracy and time are taken through the same one."""

    name: str = "torch-eager"
    precision: str = "float32"


TORCH_EAGER = Runtime()


def describe_device(device: torch.device | str) -> str:
    """Return the name of the hardware behind ``device``, as protocols and reports show it.

    Args:
        device: A torch device, such as ``cpu`` or ``cuda:0``.

    Returns:
        Such as ``AMD EPYC 9R14, 2 cores`` or ``NVIDIA H100 80GB HBM3``.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type
    return describe_cpu()


def library_versions(libraries: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Return the versions of Python and of the libraries that can move a number, by name."""
    versions = {"python": platform.python_version()}
    for name in libraries:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # a checkout that was never installed
            continue
    return dict(sorted(versions.items()))
