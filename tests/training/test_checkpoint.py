import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.errors import WeightsError
from smnas.training.checkpoint import (
    Checkpoint,
    TrainingState,
    read_checkpoint,
    write_checkpoint,
)
from smnas.training.fit_log import CurveState, LossPoint
from smnas.training.weights_file import read_weights, write_weights

POINT = LossPoint(step=2, learning_rate=0.1, loss=1 / 3, parts={"box": 1 / 3})
STATE = TrainingState(
    identity="squares",
    done=3,
    pictures=6,
    steps_before=0,
    average_updates=3,
    seconds=0.1,
    curve=CurveState(points=(POINT,), sums={"box": 2 / 3}, count=1),
)
TENSORS = {
    "weights.a": torch.arange(6.0).reshape(2, 3).t(),
    "weights.b": torch.tensor(3),
    "optimizer.0.step": torch.tensor(3.0),
    "weights.half": torch.full((2,), 0.1, dtype=torch.bfloat16),
    "weights.none": torch.zeros(0),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "one.safetensors"
    write_checkpoint(path, Checkpoint(TENSORS, STATE))
    return path


def test_what_is_written_is_read(written) -> None:
    found = read_checkpoint(written)
    assert found.state == STATE
    assert found.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(found.tensors[name], value) for name, value in TENSORS.items())


@settings(deadline=None, max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(written, place, bit) -> None:
    data = bytearray(written.read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    altered = written.with_name("altered.safetensors")
    altered.write_bytes(data)
    with pytest.raises(WeightsError):
        read_checkpoint(altered)


@settings(deadline=None, max_examples=30)
@given(share=st.floats(0, 1, exclude_max=True))
def test_any_cut_is_noticed(written, share) -> None:
    data = written.read_bytes()
    cut = written.with_name("cut.safetensors")
    cut.write_bytes(data[: int(share * len(data))])
    with pytest.raises(WeightsError):
        read_checkpoint(cut)


def test_a_swapped_shape_is_noticed(written) -> None:
    """The header says what the bytes mean; the checksum covers it too."""
    file = read_weights(written)
    other = file.tensors | {"weights.a": file.tensors["weights.a"].reshape(2, 3)}
    write_weights(written.with_name("other.safetensors"), other, file.metadata)
    with pytest.raises(WeightsError, match="altered"):
        read_checkpoint(written.with_name("other.safetensors"))


def test_plain_weights_are_no_checkpoint(tmp_path) -> None:
    write_weights(tmp_path / "plain.safetensors", {"a": torch.zeros(2)}, {})
    with pytest.raises(WeightsError):
        read_checkpoint(tmp_path / "plain.safetensors")
