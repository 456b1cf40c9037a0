"""Neural architecture search for object detection.

The public names are found when they are used, so that ``import smnas`` takes no time and does not
import torch.
"""

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smnas.arch import DetectorArch as DetectorArch
    from smnas.detector.build import build_detector as build_detector
    from smnas.experiment.artifact import load as load
    from smnas.experiment.search import search as search
    from smnas.training.torchvision_weights import load_torchvision as load_torchvision

__all__ = ["DetectorArch", "__version__", "build_detector", "load", "load_torchvision", "search"]

try:
    __version__ = version("smnas")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "unknown"


def __getattr__(name: str) -> Any:
    """Return a public name from the room that it lives in."""
    if name == "DetectorArch":
        return import_module("smnas.arch").DetectorArch
    if name == "build_detector":
        return import_module("smnas.detector.build").build_detector
    if name == "load":
        return import_module("smnas.experiment.artifact").load
    if name == "load_torchvision":
        return import_module("smnas.training.torchvision_weights").load_torchvision
    if name == "search":
        return import_module("smnas.search")
    raise AttributeError(f"module 'smnas' has no attribute {name!r}; it offers {__all__}")


class _SearchRoom(ModuleType):
    """The room ``smnas.search``, which is also the function ``smnas.search(...)``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run a search: see ``smnas.experiment.search.search``."""
        return import_module("smnas.experiment.search").search(*args, **kwargs)


class _Package(ModuleType):
    """This package; Python binds a room to its name here as soon as anything imports the room."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "search" and type(value) is ModuleType:
            value.__class__ = _SearchRoom  # room and function share one name, and both must work
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
