"""Blocks as ONNX files, as torch's exporter writes them within a whole detector.

The exporter takes a second to begin and little for each layer, so that many blocks go through it as
one network and are cut apart afterwards.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import onnx
import torch
from onnx.utils import Extractor
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from smnas.export.capture import translate
from smnas.export.frame import IR_VERSION, make_fitting
from smnas.measure.blocks.build import build_block
from smnas.measure.blocks.parts import Block, Fitting

AT_ONCE = 40


def export_blocks(blocks: Sequence[Block]) -> Iterator[tuple[Block, onnx.ModelProto]]:
    """Return each of the blocks as a model of its own, in float32.

    Raises:
        ExportError: A part that torch's exporter cannot translate.
    """
    modules = [block for block in blocks if not isinstance(block, Fitting)]
    for block in blocks:
        if isinstance(block, Fitting):
            yield block, make_fitting(block.input)
    for first in range(0, len(modules), AT_ONCE):
        some = modules[first : first + AT_ONCE]
        yield from zip(some, _export(some), strict=True)


class _SideBySide(nn.Module):
    """Modules that have nothing to do with each other, as one."""

    def __init__(self, modules: Sequence[nn.Module], counts: Sequence[int]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)
        self._counts = tuple(counts)
        self.outputs: list[int] = []
        """How many outputs each has, once it has run."""

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        found, first = list[Tensor](), 0
        self.outputs = []
        for module, count in zip(self.parts, self._counts, strict=True):
            leaves: list[Tensor] = tree_leaves(module(*given[first : first + count]))
            found += leaves
            self.outputs.append(len(leaves))
            first += count
        return tuple(found)


def _export(blocks: Sequence[Block]) -> list[onnx.ModelProto]:
    built = [build_block(block) for block in blocks]
    given = [tuple(torch.zeros(shape) for shape in shapes) for _, shapes in built]
    network = _SideBySide([module for module, _ in built], list(map(len, given))).eval()
    every = tuple(tensor for tensors in given for tensor in tensors)
    with torch.no_grad():
        network(*every)  # what follows from shapes alone, such as anchors, is remembered
    inputs = _names("in", list(map(len, given)))
    outputs = _names("out", network.outputs)
    told = f"{blocks[0].key} and others"
    model = translate(network, every, list(chain(*inputs)), list(chain(*outputs)), told)
    model.ir_version = IR_VERSION
    extractor = Extractor(model)
    return [extractor.extract_model(*ends) for ends in zip(inputs, outputs, strict=True)]


def _names(word: str, counts: Sequence[int]) -> list[list[str]]:
    return [[f"{word}_{block}_{i}" for i in range(count)] for block, count in enumerate(counts)]
