"""torchvision's detectors under our names: what is called and ordered otherwise."""

import re
from collections.abc import Mapping

from torch import Tensor

_MARK = re.compile(r"(module\.)?backbone\.fpn\.layer_blocks\.0\.(0\.)?weight")
_PARAMETER = r"\.(weight|bias)"
_NAMES = tuple(
    (re.compile(theirs + _PARAMETER), ours)
    for theirs, ours in (
        # The backbone keeps its names: timm's ResNets have torchvision's. Layers of pyramid, RPN
        # and towers are written in two ways, the shorter one in the published files.
        (r"backbone\.fpn\.inner_blocks\.(\d)(?:\.0)?", r"neck.laterals.\1.conv.\2"),
        (r"backbone\.fpn\.layer_blocks\.(\d)(?:\.0)?", r"neck.outputs.\1.conv.\2"),
        (r"backbone\.fpn\.extra_blocks\.p6", r"neck.extras.0.conv.\1"),
        (r"backbone\.fpn\.extra_blocks\.p7", r"neck.extras.1.conv.\1"),
        (r"rpn\.head\.conv(?:\.0\.0)?", r"head.rpn.trunk.conv.\1"),
        (r"rpn\.head\.cls_logits", r"head.rpn.objectness.\1"),
        (r"rpn\.head\.bbox_pred", r"head.rpn.offsets.\1"),
        (r"roi_heads\.box_head\.fc6", r"head.roi_head.predictor.first.\1"),
        (r"roi_heads\.box_head\.fc7", r"head.roi_head.predictor.second.\1"),
        (r"roi_heads\.box_predictor\.cls_score", r"head.roi_head.predictor.logits.\1"),
        (r"roi_heads\.box_predictor\.bbox_pred", r"head.roi_head.predictor.offsets.\1"),
        (r"head\.classification_head\.conv\.(\d)\.0", r"head.class_tower.layers.\1.conv.\2"),
        (r"head\.classification_head\.cls_logits", r"head.class_tower.last.\1"),
        (r"head\.regression_head\.conv\.(\d)\.0", r"head.box_tower.layers.\1.conv.\2"),
        (r"head\.regression_head\.bbox_reg", r"head.box_tower.last.\1"),
    )
)
_SHORT_TOWER = re.compile(rf"(head\.\w+_head\.conv)\.([0246]){_PARAMETER}")
"""In the shorter way a tower's activations are counted with its convolutions."""


def is_torchvision_detector(tensors: Mapping[str, Tensor]) -> bool:
    """Return whether these are the weights of a torchvision detector with a feature pyramid."""
    return any(map(_MARK.fullmatch, tensors))


def to_our_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a torchvision detector named and ordered as ours.

    RoI features run over rows, channels, columns here, and over channels, rows, columns there;
    background is the last class here and the first there.

    Args:
        tensors: The state dict. What has no counterpart keeps its name.
    """
    named = {_to_our_name(name.removeprefix("module.")): item for name, item in tensors.items()}
    predictor = "head.roi_head.predictor."
    for name, classes_apart in (("logits", 1), ("offsets", 4)):
        for kind in ("weight", "bias"):
            if (full := f"{predictor}{name}.{kind}") in named:
                named[full] = named[full].roll(-classes_apart, dims=0)
    first, channels = f"{predictor}first.weight", len(named.get("neck.outputs.0.conv.bias", ()))
    if first in named and channels:
        width, inputs = named[first].shape
        side = int((inputs // channels) ** 0.5)
        weight_WCIJ = named[first].view(width, channels, side, side)
        named[first] = weight_WCIJ.transpose(1, 2).reshape(width, inputs)
    return named


def _to_our_name(name: str) -> str:
    name = _SHORT_TOWER.sub(lambda match: f"{match[1]}.{int(match[2]) // 2}.0.{match[3]}", name)
    for theirs, ours in _NAMES:
        if match := theirs.fullmatch(name):
            return match.expand(ours)
    return name
