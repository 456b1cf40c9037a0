from pathlib import Path

import onnx
import pytest

from smnas.errors import WeightsError
from smnas.export.onnx_file import read_onnx


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "detector.onnx"
    path.write_bytes(content)
    return path


def changed(exported, change) -> bytes:
    model = onnx.load_model_from_string(exported.content)
    change(model)
    return model.SerializeToString()


def test_what_was_exported_is_read(exported, tmp_path):
    assert read_onnx(write(tmp_path, exported.content)) == exported


@pytest.mark.parametrize("content", [b"", b"not onnx at all", b"\x80\x04pickle", bytes(1000)])
def test_another_format_is_refused(content, tmp_path):
    with pytest.raises(WeightsError, match="expected a whole ONNX model; got"):
        read_onnx(write(tmp_path, content))


def test_a_truncated_file_is_refused(exported, tmp_path):
    for share in (0.1, 0.5, 0.99):
        with pytest.raises(WeightsError):
            read_onnx(write(tmp_path, exported.content[: int(share * len(exported.content))]))


def test_no_file(tmp_path):
    with pytest.raises(WeightsError, match="no such ONNX file"):
        read_onnx(tmp_path / "detector.onnx")


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "weights.data"])
def test_a_file_that_reads_others_is_refused(exported, tmp_path, location):
    def reach_out(model):
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    with pytest.raises(WeightsError, match=r"reads another one .*which is refused"):
        read_onnx(write(tmp_path, changed(exported, reach_out)))


def test_other_inputs_and_outputs_are_refused(exported, tmp_path):
    def rename(model):
        model.graph.input[0].name = "image"

    with pytest.raises(WeightsError, match=r"the inputs picture \(uint8 of 3 dimensions\)"):
        read_onnx(write(tmp_path, changed(exported, rename)))

    def cut(model):
        del model.graph.output[2:]

    with pytest.raises(WeightsError, match="expected the outputs boxes_xyxy"):
        read_onnx(write(tmp_path, changed(exported, cut)))


def test_a_file_without_our_metadata_is_refused(exported, tmp_path):
    def forget(model):
        del model.metadata_props[:]

    with pytest.raises(WeightsError, match="expected arch and categories in the metadata"):
        read_onnx(write(tmp_path, changed(exported, forget)))
