"""The network as an ONNX graph, by torch's exporter: a fitted picture in, detections out.

The graph has one fixed shape throughout, which is what makes capturing it cheap: how many boxes
survive non-maximum suppression is hidden in one operator (see ``translations``), and pictures of
any size are dealt with outside (see ``frame``).
"""

import copy
from collections.abc import Sequence
from typing import cast

import onnx
import torch
from torch import Tensor, nn

from smnas.detector.contract import Detections
from smnas.detector.dense_outputs import DenseOutputs
from smnas.detector.detector import Detector
from smnas.detector.norms import fold_batch_norms, fold_weight_standards
from smnas.errors import ExportError
from smnas.export.nodes import OPSET
from smnas.export.quiet import quiet
from smnas.export.shortcut import remembered_registry, skip_decomposition
from smnas.export.translations import TRANSLATIONS

IMAGE = "image"
FOUND = ("found_boxes", "found_scores", "found_labels", "found_valid")
RAW = ("raw_logits", "raw_offsets")
"""What the head that looks at every anchor says, before the best are taken: for the parity gate."""


class DeployedNetwork(nn.Module):
    """A detector in the form that ships, for one picture.

    Batch norms are folded, and standardised weights are constants.
    """

    def __init__(self, detector: Detector) -> None:
        """Take a copy of ``detector``, which stays as it is."""
        super().__init__()
        self.detector = copy.deepcopy(detector).cpu().float().eval()
        fold_batch_norms(self.detector)
        fold_weight_standards(self.detector)
        self.requires_grad_(False)
        self._dense: list[DenseOutputs] = []
        head = cast(nn.Module, self.detector.head)
        dense_head = cast(nn.Module, getattr(head, "rpn", head))
        dense_head.register_forward_hook(self._note)
        # What follows from shapes alone, such as anchors, is remembered by the time of capturing.
        with torch.no_grad():
            self(torch.zeros(1, 3, *detector.arch.input.padded))

    def forward(self, image_13HW: Tensor) -> tuple[Tensor, ...]:
        """Return boxes (D, 4), scores (D), labels (D), valid (D), raw logits and raw offsets."""
        self._dense.clear()
        found = self.detector(image_13HW)
        if not isinstance(found, Detections):
            raise TypeError("a detector in training cannot be exported; expected eval mode")
        dense = self._dense.pop()
        return (
            found.boxes_BD4[0],
            found.scores_BD[0],
            found.labels_BD[0],
            found.valid_BD[0],
            dense.logits_BSKP,
            dense.offsets_BS4P,
        )

    def _note(self, module: nn.Module, inputs: object, outputs: object) -> None:
        dense = getattr(outputs, "dense", outputs)
        if isinstance(dense, DenseOutputs):
            self._dense.append(dense)


def capture(network: DeployedNetwork) -> onnx.ModelProto:
    """Return the network as ONNX, from ``image`` to ``FOUND`` and ``RAW``.

    Raises:
        ExportError: The exporter cannot translate it.
    """
    arch = network.detector.arch
    image_13HW = torch.zeros(1, 3, *arch.input.padded)
    return translate(network, (image_13HW,), [IMAGE], [*FOUND, *RAW], str(arch))


def translate(
    network: nn.Module,
    given: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    told: str,
) -> onnx.ModelProto:
    """Return any network of ours as ONNX.

    Args:
        network: In eval mode.
        given: Tensors of the shapes that it takes.
        inputs: Their names.
        outputs: Names of what it returns.
        told: What it is, for messages.

    Raises:
        ExportError: The exporter cannot translate it.
    """
    try:
        with torch.no_grad(), quiet("torch.onnx"), remembered_registry():
            traced = torch.export.export(network, given, strict=False)
            skip_decomposition(traced, TRANSLATIONS)
            program = torch.onnx.export(
                traced,
                dynamo=True,
                input_names=inputs,
                output_names=outputs,
                custom_translation_table=dict(TRANSLATIONS),
                opset_version=OPSET,
                optimize=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ExportError(f"{told}: torch's ONNX exporter cannot translate it: {error}") from error
    if program is None:
        raise ExportError(f"{told}: torch's ONNX exporter returned nothing; expected a program")
    return program.model_proto
