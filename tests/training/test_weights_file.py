import errno
import os
from pathlib import Path

import pytest
import torch

from smnas.errors import StorageFullError, WeightsError
from smnas.training.weights_file import read_weights, write_weights

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}


def test_round_trip_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "weights.safetensors"
    write_weights(path, TENSORS, {"note": "Größe 4 µm"})
    back = read_weights(path)
    assert back.metadata == {"note": "Größe 4 µm"}
    assert back.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(back.tensors[name], value) for name, value in TENSORS.items())
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_views_that_are_not_contiguous_are_written(tmp_path: Path) -> None:
    write_weights(tmp_path / "w", {"t": TENSORS["a"].T}, {})
    assert torch.equal(read_weights(tmp_path / "w").tensors["t"], TENSORS["a"].T)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "weights.safetensors"
    write_weights(path, TENSORS, {"version": "old"})

    def full(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError, match="disk is full"):
        write_weights(path, TENSORS, {"version": "new"})
    assert read_weights(path).metadata == {"version": "old"}
    assert list(tmp_path.iterdir()) == [path]


def test_another_error_of_the_system_is_passed_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        write_weights(tmp_path / "file" / "weights", TENSORS, {})


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        read_weights(tmp_path / "none.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 30, -1])
def test_truncated_file(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "weights.safetensors"
    write_weights(path, TENSORS, {})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="truncated or of another format"):
        read_weights(path)


def test_another_format(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match="truncated or of another format"):
        read_weights(tmp_path / "weights.pt")
