"""What a file of weights, of any format, says about the detector in it."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.errors import ArchError, WeightsError

PREFIX = "smnas."
"""Metadata under this prefix is ours; the rest is what somebody noted beside."""
ARCH_KEY = f"{PREFIX}arch"
CATEGORIES_KEY = f"{PREFIX}categories"
VERSION_KEY = f"{PREFIX}version"


def write_metadata(arch: DetectorArch, categories: Sequence[Category]) -> dict[str, str]:
    """Return arch, categories and our version as a file's metadata."""
    return {
        ARCH_KEY: str(arch),
        CATEGORIES_KEY: json.dumps([{"id": item.id, "name": item.name} for item in categories]),
        VERSION_KEY: _own_version(),
    }


def read_metadata(path: Path, metadata: Mapping[str, str]) -> tuple[DetectorArch, list[Category]]:
    """Return arch and categories of a file that smnas wrote.

    Raises:
        WeightsError: It has neither, or they cannot be read.
    """
    if ARCH_KEY not in metadata or CATEGORIES_KEY not in metadata:
        raise WeightsError(
            f"{path}: expected arch and categories in the metadata, as `TrainedDetector.save` and "
            "`smnas export` write them; got none. Weights from elsewhere can start a training "
            "(`--init FILE`), and torchvision's detectors become ours by "
            "`smnas.load_torchvision(FILE).save(...)`"
        )
    try:
        arch = DetectorArch.parse(metadata[ARCH_KEY])
        items = json.loads(metadata[CATEGORIES_KEY])
        return arch, [Category(id=item["id"], name=item["name"]) for item in items]
    except (ArchError, ValueError, KeyError, TypeError) as error:
        written_by = metadata.get(VERSION_KEY, "an unknown version")
        raise WeightsError(
            f"{path}: metadata written by smnas {written_by} cannot be read: {error}"
        ) from None


def _own_version() -> str:
    try:
        return version("smnas")
    except PackageNotFoundError:  # a source tree that was never installed
        return "unknown"
