"""A front package: the folder of one detector, which stands alone. Its pieces, and their reading.

``package.json`` holds the hash of every piece that decides what the detector finds or what was
measured of it, so that a folder that is not whole, or that was changed, is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.detector.contract import Prediction
from smnas.errors import ArchError, PackageError, describe_validation_error
from smnas.export.onnx_file import read_onnx
from smnas.export.runtime import ExportedDetector, require_runtime, start
from smnas.measure.device_report import Sha256, hash_file
from smnas.measure.on_device import TASK, DeviceError, read_pictures
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.measurement import Measurement

FACTS = "package.json"
ARCH, LABELS, METRICS = "arch.json", "labels.json", "metrics.json"
WEIGHTS, DETECTOR = "weights.safetensors", "detector.onnx"
CHECK = "check.npz"
SCRIPT, TIMING, REFERENCE = "measure.py", "standalone.py", "reference.onnx"
PIECES = (
    ARCH, LABELS, METRICS, WEIGHTS, DETECTOR, CHECK, TASK, SCRIPT, TIMING, REFERENCE
)  # fmt: skip
"""What has a hash in ``package.json``. People's own are ``README.md``, ``LICENCE.md``, and the
picture in the former."""

Precision = Literal["float32", "float16", "int8"]
_CATEGORIES = TypeAdapter(tuple[Category, ...])
_METRICS = TypeAdapter(tuple[Measurement, ...])
_T = TypeVar("_T")


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Environment(_Value):
    """A machine, and the libraries on it that numbers depend on."""

    date: str
    """ISO 8601, UTC."""
    machine: str
    smnas_version: str
    versions: dict[str, str]


class Provenance(_Value):
    """Where the detector comes from."""

    trial: int
    seed: int
    """Of its training."""
    budget: dict[str, int]
    initial_weights: str | None
    """What its training began from, in words; None: at random."""
    config: dict[str, Any]
    """The search's own, with data, recipe and seed."""
    data_ids: dict[str, str]
    """Content hash of each split that the search read."""


class PackageFacts(_Value):
    """``package.json``."""

    format: Literal["smnas-package-1"] = "smnas-package-1"
    arch: str
    arch_id: str
    precision: Precision
    recommended: bool
    """Whether it is the one that its run recommends."""
    score: float
    """From this score on its detections serve best: the highest F1 on the validation pictures."""
    pictures: Literal["data", "embedded"]
    """Whose pictures are in the folder: the data's own, or photographs that smnas brings, where the
    search was told to keep no pictures."""
    found_by: Provenance
    searched: Environment
    """Where the search ran, and when it began."""
    packaged: Environment
    """Where the folder was made, and what its numbers come from unless they are the search's."""
    files: dict[str, Sha256]


@dataclass(frozen=True)
class Package:
    """A folder that was checked: all pieces are there, and as they were when it was made."""

    folder: Path
    facts: PackageFacts
    arch: DetectorArch
    categories: tuple[Category, ...]
    metrics: tuple[Measurement, ...]

    def load_file(
        self, runtime: str = "onnxruntime", threads: int | None = None
    ) -> ExportedDetector:
        """Return the exported file in a runtime; see ``export.runtime.load_onnx``.

        Raises:
            WeightsError: No file of ours, or one that reads other files.
            PackageError: A file of another arch or other classes.
            ConfigError: No such runtime.
            RuntimeMissingError: It is not installed, or its device is not there.
        """
        require_runtime(runtime)
        path = self.folder / DETECTOR
        file = read_onnx(path)
        self._require_own(path, file.arch, file.categories)
        return start(file, path, runtime, threads)

    def load_weights(self, device: torch.device | str = "cpu") -> TrainedDetector:
        """Return the network, built anew from its arch and the weights.

        Raises:
            WeightsError: No weights of ours, or they cannot be read.
            PackageError: Weights of another arch or other classes.
        """
        path = self.folder / WEIGHTS
        trained = TrainedDetector.load(path, device)
        self._require_own(path, trained.arch, trained.categories)
        return trained

    def read_pictures(self) -> list[tuple[NDArray[np.uint8], Prediction]]:
        """Return the pictures of the folder, each with what the exported file found in it.

        Raises:
            PackageError: They cannot be read.
        """
        try:
            rows = read_pictures(self.folder / CHECK)
        except DeviceError as error:
            raise PackageError(str(error)) from None
        return [(picture, Prediction(*found)) for picture, found in rows]

    def _require_own(
        self, path: Path, arch: DetectorArch, categories: tuple[Category, ...]
    ) -> None:
        if arch != self.arch:
            raise PackageError(f"{path}: expected the arch {self.arch}, as {ARCH} says; got {arch}")
        if categories != self.categories:
            raise PackageError(f"{path}: expected the classes of {LABELS}; got {list(categories)}")


def is_package(path: str | Path) -> bool:
    """Return whether a path is the folder of a front package, whole or not."""
    return (Path(path) / FACTS).is_file()


def read_package(folder: str | Path) -> Package:
    """Return what a folder holds, after comparing its pieces with their hashes.

    Weights and exported file are read when they are asked for.

    Raises:
        PackageError: No front package, a piece that is missing or was changed, or one that cannot
            be read.
    """
    folder = Path(folder)
    if not is_package(folder):
        raise PackageError(
            f"{folder}: expected a front package, a folder with {FACTS}; `smnas package RUN` makes "
            "one of each detector on the front of a run"
        )
    facts = _read(folder / FACTS, PackageFacts.model_validate_json)
    _check_pieces(folder, facts)
    arch = _read(folder / ARCH, DetectorArch.from_json)
    if arch.arch_id != facts.arch_id:
        raise PackageError(f"{folder / ARCH}: expected the arch {facts.arch}; got {arch}")
    categories = _read(folder / LABELS, _CATEGORIES.validate_json)
    metrics = _read(folder / METRICS, _METRICS.validate_json)
    return Package(folder, facts, arch, categories, metrics)


def write_pictures(path: Path, pictures: list[NDArray[np.uint8]], found: list[Prediction]) -> None:
    """Write pictures and detections, as ``on_device.read_pictures`` reads them."""
    arrays: dict[str, NDArray[Any]] = {}
    for index, (picture, item) in enumerate(zip(pictures, found, strict=True)):
        arrays[f"picture_{index}"] = picture
        arrays[f"boxes_{index}"] = item.boxes_xyxy
        arrays[f"scores_{index}"] = item.scores
        arrays[f"labels_{index}"] = item.labels
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]


def write_labels(categories: tuple[Category, ...]) -> bytes:
    """Return ``labels.json``: the id and name of each class, in the order of the network."""
    return _CATEGORIES.dump_json(categories, indent=2)


def write_metrics(metrics: tuple[Measurement, ...]) -> bytes:
    """Return ``metrics.json``: every number with unit, interval and protocol."""
    return _METRICS.dump_json(metrics, indent=2)


def _check_pieces(folder: Path, facts: PackageFacts) -> None:
    strange = sorted(set(facts.files) ^ set(PIECES))
    if strange:
        raise PackageError(
            f"{folder / FACTS}: expected the hashes of {', '.join(PIECES)}; it differs in "
            f"{', '.join(strange)}"
        )
    missing = [name for name in PIECES if not (folder / name).is_file()]
    if missing:
        raise PackageError(
            f"{folder}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; copy "
            "the whole folder again, or make it again with `smnas package RUN`"
        )
    changed = [name for name in PIECES if hash_file(folder / name) != facts.files[name]]
    if changed:
        raise PackageError(
            f"{folder}: {', '.join(changed)} {'was' if len(changed) == 1 else 'were'} changed "
            "since the package was made, so that its numbers say nothing of it; copy the whole "
            "folder again, or make it again with `smnas package RUN`"
        )


def _read(path: Path, parse: Callable[[bytes], _T]) -> _T:
    try:
        return parse(path.read_bytes())
    except ValidationError as error:
        told = describe_validation_error(str(path), error)
    except ArchError as error:
        told = f"{path}: {error}"
    raise PackageError(f"{told}; make the package again with `smnas package RUN`")
