"""torchvision's detectors as ours: from its weights to an arch and a ``TrainedDetector``.

``FasterRCNN`` and ``RetinaNet`` on a ResNet with a feature pyramid, as torchvision builds them.
Given the same input tensor both networks find the same. Where the two houses differ, the arch says
so:

- anchors are whole pixels, and their grid is spread over the input (``anchor-rounded``);
- RoIAlign goes without the half-pixel correction (``roi-aligned``);
- boxes are dropped below 0.001 pixels in the RPN and 0.01 in the head; RetinaNet keeps even those
  without area (``min-side``), and up to 300 of them;
- batch norms may add 0 to the variance (``bn-eps``).

Settings that a state dict does not hold (anchor sizes, thresholds, counts) are the defaults of
torchvision's constructors. Pictures are fitted as everywhere here: torchvision scales them without
antialiasing and to no fixed width, so that whole predictions agree closely, not exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

from smnas.arch import DetectorArch
from smnas.arch.parts import InputSize
from smnas.data.dataset import Category
from smnas.detector.build import build_detector
from smnas.errors import ConfigError, WeightsError
from smnas.training.foreign_weights import read_any_weights
from smnas.training.torchvision_names import is_torchvision_detector, to_our_names
from smnas.training.trained_detector import TrainedDetector

DEFAULT_INPUT = InputSize(width=1333, height=800)
"""What torchvision scales landscape pictures into."""

_FASTER_KEYS = "min-side=0.01/roi-aligned=no/rpn-anchor-rounded=yes/rpn-min-side=0.001"
_RETINA_KEYS = "anchor-rounded=yes/detections=300/extra=conv/min-side=-1"
_ANCHORS_PER_POSITION = 9
_COCO_NAMES: list[str] = FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]

_Shape = tuple[int, ...]
_BASIC: tuple[_Shape, _Shape] = ((64, 64, 3, 3), (64, 64, 3, 3))
_BOTTLENECK: tuple[_Shape, _Shape] = ((64, 64, 1, 1), (64, 64, 3, 3))
_GROUPED: tuple[_Shape, _Shape] = ((128, 64, 1, 1), (128, 4, 3, 3))
_BACKBONES = {
    (8, _BASIC): "resnet18",
    (16, _BASIC): "resnet34",
    (16, _BOTTLENECK): "resnet50",
    (33, _BOTTLENECK): "resnet101",
    (16, _GROUPED): "resnext50",
}
"""By the number of blocks, and the shapes of the first block's first two convolutions."""


@dataclass(frozen=True)
class ConvertedDetector:
    """What a state dict of torchvision stands for here."""

    arch: DetectorArch
    num_classes: int
    """K. torchvision's Faster R-CNN counts background among its classes, ours does not."""
    first_label: int
    """torchvision's label of our label 0: 1 behind its background class, otherwise 0."""
    tensors: dict[str, Tensor]
    """The whole state dict of the detector that is built from ``arch`` for ``num_classes``."""

    @property
    def labels(self) -> int:
        """How many labels torchvision counts, background among them."""
        return self.first_label + self.num_classes

    def categories(self, names: Sequence[str] = ()) -> list[Category]:
        """Return what our labels stand for: torchvision's label is the id.

        Args:
            names: By torchvision's label, from 0 on. None given: COCO's where it has those 91. What
                has no name there is named after its label.
        """
        known = names or (_COCO_NAMES if self.labels == len(_COCO_NAMES) else [])
        named = {label: name for label, name in enumerate(known) if name != "N/A"}
        labels = range(self.first_label, self.labels)
        return [Category(label, named.get(label, f"label {label}")) for label in labels]


def convert_torchvision(
    state_dict: Mapping[str, Tensor],
    input_size: InputSize = DEFAULT_INPUT,
    bn_eps: float | None = None,
) -> ConvertedDetector:
    """Return the arch and the weights that a state dict of torchvision stands for.

    Args:
        state_dict: Of a ``FasterRCNN`` or ``RetinaNet`` on a ResNet-18, -34, -50, -101 or
            ResNeXt-50 (32x4d), such as ``fasterrcnn_resnet50_fpn`` or ``retinanet_resnet50_fpn``.
        input_size: The input of the arch, which a state dict does not hold.
        bn_eps: What batch norms add to the variance. None: 1e-5, but 0 where they are frozen, as in
            torchvision's COCO weights and what was tuned from them. It is 1e-5 as well where frozen
            batch norms came from ImageNet weights: say so then.

    Raises:
        WeightsError: Not such a detector (as are the ``_v2`` models, those with masks or key
            points, other backbones or pyramids, and other numbers of anchors).
    """
    if not is_torchvision_detector(state_dict):
        raise WeightsError(
            "expected the state dict of a torchvision FasterRCNN or RetinaNet with a feature "
            f"pyramid; got tensors such as {_some(state_dict)}"
        )
    tensors = to_our_names(state_dict)
    counters = [name for name in tensors if name.endswith(".num_batches_tracked")]
    if bn_eps is None:
        bn_eps = 1e-5 if counters else 0.0
    if not counters:
        means = [name for name in tensors if name.endswith(".running_mean")]
        tensors |= {
            name.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for name in means
        }
    size, backbone = f"{input_size.width}x{input_size.height}", _find_backbone(tensors)
    text, num_classes, first_label = _describe(tensors)
    arch = DetectorArch.parse(f"{size}/{backbone}/{text}/bn-eps={bn_eps!r}")
    _check_fit(arch, num_classes, tensors)
    return ConvertedDetector(arch, num_classes, first_label, tensors)


def load_torchvision(
    path: str | Path,
    names: Sequence[str] = (),
    input_size: InputSize = DEFAULT_INPUT,
    bn_eps: float | None = None,
) -> TrainedDetector:
    """Read a torchvision detector's weights as a detector of ours, ready to predict.

    ``load_torchvision("fasterrcnn_resnet50_fpn_coco-258fb6c6.pth").save("coco.safetensors")`` makes
    a file that every command takes.

    Args:
        path: What ``torch.save(model.state_dict(), path)`` wrote, or the same as safetensors.
        names: Of torchvision's labels from 0 on, as in its ``weights.meta["categories"]``. None
            given: COCO's where it has those 91. The labels themselves become the category ids.
        input_size: The input that pictures are fitted to.
        bn_eps: As in ``convert_torchvision``.

    Raises:
        WeightsError: The file cannot be read, or holds no such detector.
        ConfigError: There are not as many names as labels.
    """
    path = Path(path)
    state_dict = read_any_weights(path).tensors
    try:
        found = convert_torchvision(state_dict, input_size, bn_eps)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    if names and len(names) != found.labels:
        raise ConfigError(
            f"{path}: expected names of all its {found.labels} labels, from 0 on; got {len(names)}"
        )
    detector = build_detector(found.arch, found.num_classes, seed=0)
    detector.load_state_dict(found.tensors)
    return TrainedDetector(detector, found.categories(names))


def _describe(tensors: Mapping[str, Tensor]) -> tuple[str, int, int]:
    """Return the arch's text without input and epsilon, K, and torchvision's label of our 0."""
    width = len(tensors["neck.outputs.0.conv.weight"])
    if (logits := "head.class_tower.last.bias") in tensors:
        text = f"fpn-p2-p6-{width}/none/retina/{_RETINA_KEYS}"
        return text, len(tensors[logits]) // _ANCHORS_PER_POSITION, 0
    if (logits := "head.roi_head.predictor.logits.bias") in tensors:
        text = f"fpn-p1-p5-{width}/rpn/rcnn/{_FASTER_KEYS}"
        return text, len(tensors[logits]) - 1, 1
    raise WeightsError("a torchvision detector without the head of a FasterRCNN or RetinaNet")


def _find_backbone(tensors: Mapping[str, Tensor]) -> str:
    blocks = {".".join(name.split(".")[:4]) for name in tensors if ".body.layer" in name}
    first = [f"backbone.body.layer1.0.conv{conv}.weight" for conv in (1, 2)]
    shapes = tuple(tuple(tensors[name].shape) for name in first if name in tensors)
    for (count, wanted), backbone in _BACKBONES.items():
        if count == len(blocks) and wanted == shapes:
            return backbone
    raise WeightsError(
        f"a torchvision detector on a backbone that is none of {', '.join(_BACKBONES.values())}"
    )


def _check_fit(arch: DetectorArch, num_classes: int, tensors: Mapping[str, Tensor]) -> None:
    """Make sure that the tensors are those of the arch, by name and shape."""
    with torch.device("meta"):
        wanted = build_detector(arch, num_classes, seed=0).state_dict()
    shapes = {name: tuple(item.shape) for name, item in wanted.items()}
    found = {name: tuple(item.shape) for name, item in tensors.items()}
    faults = [name for name in found | shapes if found.get(name) != shapes.get(name)]
    if faults:
        raise WeightsError(
            f"a torchvision detector that differs from our {arch} in {len(faults)} tensors, such "
            f"as {_some(faults)}. Taken over are models without `_v2`, `mask` or `keypoint` in "
            "their names, with torchvision's own pyramid, heads and number of anchors"
        )


def _some(names: Mapping[str, Tensor] | Sequence[str]) -> str:
    return ", ".join(repr(name) for name in list(names)[:3])
