from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from smnas.errors import WeightsError
from smnas.training.initial_weights import load_initial_weights


class Net(nn.Module):
    """A backbone of 40 numbers (8 of them running statistics and norm) and a head of 5."""

    def __init__(self, classes: int = 1) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(2, 4, 2, bias=False), nn.BatchNorm2d(4))
        self.head = nn.Linear(4, classes)


def filled(net: nn.Module, value: float) -> dict[str, torch.Tensor]:
    return {name: torch.full_like(tensor, value) for name, tensor in net.state_dict().items()}


def test_own_file_is_taken_over_whole(tmp_path: Path) -> None:
    net, path = Net(), tmp_path / "own.safetensors"
    save_file(filled(net, 2.0), path)
    report = load_initial_weights(net, path)
    assert report.share == 1.0
    assert report.taken == report.total == 32 + 16 + 5
    assert report.skipped == ()
    assert report.sentence.startswith("own.safetensors: 100.0 % of the detector's 53 numbers")
    assert all((value == 2).all() for name, value in net.state_dict().items() if "num" not in name)


def test_head_of_other_classes_starts_at_random(tmp_path: Path) -> None:
    net, path = Net(classes=3), tmp_path / "own.safetensors"
    save_file(filled(Net(classes=1), 2.0), path)
    before = net.head.weight.detach().clone()
    report = load_initial_weights(net, path)
    assert report.taken == 48
    assert report.share == pytest.approx(48 / 63)
    assert report.skipped == ("head.weight", "head.bias")
    assert "2 tensors start at random (head.weight, head.bias)" in report.sentence
    assert torch.equal(net.head.weight, before)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "body.", "backbone.body."])
@pytest.mark.parametrize("nest", [None, "state_dict", "model"])
def test_backbone_alone_under_common_names(tmp_path: Path, prefix: str, nest: str | None) -> None:
    net, path = Net(), tmp_path / "backbone.pth"
    state = {prefix + name: tensor for name, tensor in filled(net.backbone, 3.0).items()}
    torch.save({nest: state, "epoch": 4} if nest else state, path)
    report = load_initial_weights(net, path)
    assert report.taken == 48
    assert (net.backbone[0].weight == 3).all()
    assert (net.backbone[1].running_var == 3).all()


def test_nothing_fits(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"backbone.0.weight": torch.zeros(7, 7), "fc.bias": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match=r"none of its 2 tensors fits .*'fc.bias'.*train from"):
        load_initial_weights(Net(), path)


@pytest.mark.parametrize("name", ["none.pth", "none.safetensors"])
def test_missing_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        load_initial_weights(Net(), tmp_path / name)


def test_code_in_a_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(Net(), path)
    with pytest.raises(WeightsError, match="holds tensors only"):
        load_initial_weights(Net(), path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 not a zip"])
def test_not_a_weights_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="expected safetensors, or a state dict"):
        load_initial_weights(Net(), path)


@pytest.mark.parametrize("content", [{}, [1, 2], {"epoch": 3}])
def test_no_tensors_inside(tmp_path: Path, content: object) -> None:
    path = tmp_path / "model.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match="expected a dictionary of tensors"):
        load_initial_weights(Net(), path)
