"""Weights on disk: safetensors, with what they belong to in the metadata, whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from smnas.errors import StorageFullError, WeightsError


@dataclass(frozen=True)
class WeightsFile:
    """The content of one file."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def write_weights(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write one safetensors file; folders on the way are made.

    It is written beside its place and moved there when it is whole, so that a crash leaves the old
    file or none.

    Raises:
        StorageFullError: The disk is full; what was there is kept.
        OSError: The folder cannot be written to.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = save(plain, metadata=dict(metadata))
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # NamedTemporaryFile makes files that only their owner may read.
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(
                f"{path}: the disk is full; {len(data) / 2**20:.1f} MiB are needed. "
                "Nothing was written; make room and run the same command again"
            ) from error
        raise


def read_weights(path: Path) -> WeightsFile:
    """Read one safetensors file.

    Raises:
        WeightsError: No such file, truncated, or another format.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return WeightsFile(tensors, dict(file.metadata() or {}))
    except SafetensorError as error:
        raise WeightsError(
            f"{path}: expected a whole safetensors file; got one that is truncated or of another "
            f"format ({error}); take it from its source again"
        ) from None
