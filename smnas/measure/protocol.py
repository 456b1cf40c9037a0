"""How a number was taken: what predicted, on which machine, with which libraries."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from smnas.detector.contract import Prediction

LIBRARIES = ("faster-coco-eval", "numpy", "smnas", "torch", "torchvision")
"""The libraries whose version can move a number."""


class Predictor(Protocol):
    """Anything that finds objects in a picture: a trained detector, an exported file, a rival's."""

    def predict(self, picture_HW3: NDArray[np.uint8], /) -> Prediction:
        """Return the detections in one picture, in its own pixels and the data's category ids."""
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
    cores = usable_cores()
    return f"{_cpu_model()}, {cores} core" + ("" if cores == 1 else "s")


def usable_cores() -> int:
    """Return how many cores this process may use, which a container may limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that can move a number, by name."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # a checkout that was never installed
            continue
    return dict(sorted(versions.items()))


def _cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name: from Linux where it says so, else the platform's word for it."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown CPU"
