"""Five detectors as files that onnxruntime runs, from a millisecond to some tens of them."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.detector.detector import Detector
from smnas.detector.norms import fold_batch_norms
from smnas.detector.two_stage import TwoStageHead

ARCHS: Mapping[str, str] = {
    "small-retina": "{0}x{0}/basicblock_8_1-21-21-21/fpn-p2-p5-32/none/retina",
    "retina": "{0}x{0}/basicblock_16_11-21-21-21/fpn-p2-p5-64/none/retina",
    "rcnn": "{0}x{0}/basicblock_16_11-211-21-21/fpn-p2-p5-64/rpn/rcnn/fc=256",
    "cascade": "{0}x{0}/xbottleneck_16_11-21-211-21/fpn-p2-p5-64/rpn/cascade-2/fc=256",
    "large-retina": "{0}x{0}/bottleneck_32_11-211-211-21/fpn-p2-p5-128/none/retina",
}
CLASSES = 3


class Layers(nn.Module):
    """Backbone, neck and dense head of a detector: all up to where boxes are picked."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.backbone, self.neck, head = detector.backbone, detector.neck, detector.head
        self.dense = head.rpn if isinstance(head, TwoStageHead) else head

    def forward(self, images_B3HW: torch.Tensor) -> list[torch.Tensor]:
        """Return what the dense head says of the pictures."""
        outputs = self.dense(self.neck(self.backbone(images_B3HW)))
        parts = (v if isinstance(v, list | tuple) else [v] for v in vars(outputs).values())
        return [item for part in parts for item in part if isinstance(item, torch.Tensor)]


def write_layers(arch: DetectorArch, file: Path) -> None:
    """Write the layers of a detector, its weights random and its batch norms folded."""
    detector = build_detector(arch.deployed, CLASSES, seed=0).eval()
    fold_batch_norms(detector)
    pictures = (torch.zeros(1, 3, *arch.input.padded),)
    layers = Layers(detector).eval()
    torch.onnx.export(layers, pictures, file, dynamo=True, external_data=False, verbose=False)


def write_detectors(folder: Path, side_px: int) -> dict[str, Path]:
    """Write each of ``ARCHS`` at an input of that side; paths by name."""
    files = {name: folder / f"{name}.onnx" for name in ARCHS}
    for name, file in files.items():
        write_layers(DetectorArch.parse(ARCHS[name].format(side_px)), file)
    return files
