"""Reading an ONNX file that somebody hands in: nothing in it is trusted before it is checked."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.data.detector_file import read_metadata
from smnas.errors import WeightsError
from smnas.export.frame import OUTPUTS, PICTURE
from smnas.export.onnx import PRECISION_KEY

_TENSOR_TYPES = onnx.TensorProto.DataType
_Ends = dict[str, tuple[int, int]]
_INPUTS: _Ends = {PICTURE: (_TENSOR_TYPES.UINT8, 3)}
_OUTPUT_TYPES = ((_TENSOR_TYPES.FLOAT, 2), (_TENSOR_TYPES.FLOAT, 1), (_TENSOR_TYPES.INT64, 1))
_OUTPUTS: _Ends = dict(zip(OUTPUTS, _OUTPUT_TYPES, strict=True))


@dataclass(frozen=True)
class OnnxFile:
    """A file that keeps the contract of ``smnas.export.onnx``.

    Attributes:
        content: The file as it is: what runs it gets these bytes, so that nothing else is read.
        arch: What the network is.
        categories: By label.
        precision: ``float32``, ``float16`` or ``int8``.
    """

    content: bytes
    arch: DetectorArch
    categories: tuple[Category, ...]
    precision: str


def read_onnx(path: Path) -> OnnxFile:
    """Return a file's content after checking that it is whole and one of ours.

    Raises:
        WeightsError: No such file, no whole ONNX model, one that reads other files, or one whose
            inputs, outputs or metadata are not those of a detector that smnas exported.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such ONNX file")
    return check_onnx(path, path.read_bytes())


def check_onnx(path: Path, content: bytes) -> OnnxFile:
    """Return what ``read_onnx`` does, of a file that was read or is going to be written."""
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError:
        model = onnx.ModelProto()
    if not model.graph.node:
        raise WeightsError(
            f"{path}: expected a whole ONNX model; got {len(content)} bytes that are truncated or "
            "of another format; export it again, or take it from its source again"
        )
    _refuse_other_files(path, model)
    _check_ends(path, "input", list(model.graph.input), _INPUTS)
    _check_ends(path, "output", list(model.graph.output), _OUTPUTS)
    metadata = {item.key: item.value for item in model.metadata_props}
    arch, categories = read_metadata(path, metadata)
    return OnnxFile(content, arch, tuple(categories), metadata.get(PRECISION_KEY, "float32"))


def _refuse_other_files(path: Path, model: onnx.ModelProto) -> None:
    graphs = [model.graph, *model.functions]
    for tensor in (tensor for graph in graphs for tensor in _tensors(graph)):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            places = {entry.key: entry.value for entry in tensor.external_data}
            raise WeightsError(
                f"{path}: expected all weights inside the file; its tensor {tensor.name!r} reads "
                f"another one ({places.get('location', 'unnamed')!r}), which is refused; save the "
                "model as one file"
            )


def _tensors(graph: "onnx.GraphProto | onnx.FunctionProto") -> Iterator[onnx.TensorProto]:
    """Yield all tensors of a graph and of the graphs inside its nodes."""
    if isinstance(graph, onnx.GraphProto):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for inner in (attribute.g, *attribute.graphs):
            yield from _tensors(inner)


def _check_ends(
    path: Path,
    kind: str,
    found: list[onnx.ValueInfoProto],
    expected: _Ends,
) -> None:
    """Check names, types and numbers of dimensions of a model's inputs or outputs."""
    came = {
        value.name: (value.type.tensor_type.elem_type, len(value.type.tensor_type.shape.dim))
        for value in found
    }
    if came != expected:
        raise WeightsError(
            f"{path}: no detector of smnas: expected the {kind}s {_describe(expected)}; "
            f"got {_describe(came) or 'none'}; `smnas export` makes files that fit"
        )


def _describe(ends: _Ends) -> str:
    return ", ".join(
        f"{name} ({_TENSOR_TYPES.Name(kind).lower()} of {rank} dimensions)"
        for name, (kind, rank) in ends.items()
    )
