"""The cross-check: torchvision's detectors, and ours made of their weights, find the same."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import (
    FasterRCNN,
    RetinaNet,
    fasterrcnn_resnet50_fpn,
    retinanet_resnet50_fpn,
)
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.image_list import ImageList
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

import smnas.data.trees
from smnas.arch.parts import InputSize
from smnas.data.picture import fit_picture, read_picture
from smnas.detector.build import build_detector
from smnas.detector.contract import Detections
from smnas.training.torchvision_weights import convert_torchvision

PHOTOGRAPHS = sorted(Path(smnas.data.trees.__file__).parent.glob("*.jpg"))
SMALL = InputSize(width=224, height=160)
"""No multiples of 64: torchvision spreads the grids of P5 and P6 over the input."""
LARGE = InputSize(width=800, height=600)
SPREADS = {
    "cls_logits": 1.0,
    "bbox_reg": 0.3,
    "rpn.head.bbox_pred": 0.3,
    "cls_score": 1.5,
    "box_predictor.bbox_pred": 2.0,
}
"""Standard deviation of the outputs of the last layers, by name."""
CANDIDATES = 3000
"""How many of RetinaNet's scores are above its threshold, which so counts."""
LIKELY_BACKGROUND = 5.0
"""What Faster R-CNN's logit of background is raised by, for the same end."""


class PassThrough(nn.Module):
    """In the place of torchvision's resizing: both networks are to see the very same tensor."""

    def forward(self, images: list[Tensor], targets: None) -> tuple[ImageList, None]:
        sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        return ImageList(torch.stack(images), sizes), targets

    def postprocess(self, found: list[dict[str, Tensor]], *sizes: Any) -> list[dict[str, Tensor]]:
        return found


def faster_rcnn(backbone: str, norm: Any) -> FasterRCNN:
    body = resnet_fpn_backbone(
        backbone_name=backbone, weights=None, norm_layer=norm, trainable_layers=5
    )
    return FasterRCNN(body, num_classes=91)


def retinanet(backbone: str, norm: Any) -> RetinaNet:
    body = resnet_fpn_backbone(
        backbone_name=backbone,
        weights=None,
        norm_layer=norm,
        trainable_layers=5,
        returned_layers=[2, 3, 4],
        extra_blocks=LastLevelP6P7(256, 256),
    )
    return RetinaNet(body, num_classes=91)


def last_norms_of(model: nn.Module) -> set[str]:
    """Return the names of the batch norms right before the additions of residual blocks."""
    last = {BasicBlock: "bn2", Bottleneck: "bn3"}
    return {
        f"{name}.{last[type(module)]}"  # pyright: ignore
        for name, module in model.named_modules()
        if type(module) in last
    }


class Preparation:
    """Random weights with which a model finds much, and every number of which matters."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.scaled: set[nn.Module] = set()

    def prepare(self, model: nn.Module, image_3HW: Tensor) -> nn.Module:
        """Fill ``model``, whose look at ``image_3HW`` gives batch norms and last layers a scale."""
        model.transform = PassThrough()
        last_norms = last_norms_of(model)
        hooks: list[Any] = []
        for name, module in model.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                # Small where batch norms follow, so that their epsilon counts.
                self.randomise(module, gain=0.02 if ".body." in name else 1.0)
            if isinstance(module, nn.BatchNorm2d):
                # Blocks add little to their shortcut, as in trained networks: otherwise rounding
                # errors grow from block to block.
                gain = 0.2 if name in last_norms else 1.0
                hooks.append(module.register_forward_pre_hook(partial(self.set_statistics, gain)))
            for ending, spread in SPREADS.items():
                if name.endswith(ending):
                    hooks.append(module.register_forward_hook(partial(self.scale, spread)))
        with torch.no_grad():
            model.eval()([image_3HW])
        for hook in hooks:
            hook.remove()
        if isinstance(model, RetinaNet):
            with torch.no_grad():
                logits = model.head(list(model.backbone(image_3HW[None]).values()))["cls_logits"]
            lowest = logits.flatten().topk(CANDIDATES).values[-1]
            shift = torch.logit(torch.tensor(model.score_thresh)) - lowest
            model.head.classification_head.cls_logits.bias.data.add_(shift)
        else:
            predictor = model.get_submodule("roi_heads.box_predictor.cls_score")
            predictor.get_parameter("bias").data[0] += LIKELY_BACKGROUND
        return model

    def around(self, middle: float, like: Tensor) -> Tensor:
        return torch.rand(like.shape, generator=self.generator) - 0.5 + middle

    def randomise(self, layer: nn.Conv2d | nn.Linear, gain: float) -> None:
        weight = layer.weight.data
        deviation = gain * (2 / weight[0].numel()) ** 0.5
        weight.copy_(torch.randn(weight.shape, generator=self.generator) * deviation)
        if layer.bias is not None:
            layer.bias.data.copy_(self.around(0.0, layer.bias))

    def set_statistics(self, gain: float, norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        (maps_BCHW,) = inputs
        norm.get_buffer("running_mean").copy_(maps_BCHW.mean((0, 2, 3)))
        variance = maps_BCHW.var((0, 2, 3)) * self.around(1.0, norm.weight)
        norm.get_buffer("running_var").copy_(variance)
        norm.weight.copy_(self.around(1.0, norm.weight) * gain)
        norm.bias.copy_(self.around(0.0, norm.bias) * gain)

    def scale(self, spread: float, layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        if layer in self.scaled:  # by the finest level, which the layer has seen first
            return output
        self.scaled.add(layer)
        factor = spread / output.std()
        for name in ("weight", "bias"):
            layer.get_parameter(name).mul_(factor)
        return output * factor


def photographs(size: InputSize, count: int) -> Tensor:
    """Return the last of the embedded photographs as a batch."""
    paths = PHOTOGRAPHS[-count:]
    return torch.stack([fit_picture(read_picture(path), size).image_3HW for path in paths])


@torch.no_grad()
def check_equal(theirs: nn.Module, images_B3HW: Tensor, size: InputSize) -> None:
    """Let both networks look at the same tensor, and compare what they find, one to one."""
    found = convert_torchvision(theirs.state_dict(), size)
    ours = build_detector(found.arch, found.num_classes, seed=1).eval()
    ours.load_state_dict(found.tensors)
    detections = ours(images_B3HW)
    assert isinstance(detections, Detections)
    for picture, wanted in enumerate(theirs(list(images_B3HW))):
        valid_D = detections.valid_BD[picture]
        assert valid_D.sum() == len(wanted["boxes"]) >= 50
        labels_D = detections.labels_BD[picture, valid_D] + found.first_label
        boxes_D4 = detections.boxes_BD4[picture, valid_D]
        scores_D = detections.scores_BD[picture, valid_D]
        # Detections of almost equal scores may stand in another order.
        same_DD = labels_D[:, None] == wanted["labels"]
        same_DD &= (boxes_D4[:, None] - wanted["boxes"]).abs().amax(dim=-1) <= 0.01
        same_DD &= (scores_D[:, None] - wanted["scores"]).abs() <= 1e-5
        assert (same_DD.sum(dim=0) == 1).all()
        assert (same_DD.sum(dim=1) == 1).all()


@pytest.mark.parametrize("build", [fasterrcnn_resnet50_fpn, retinanet_resnet50_fpn])
def test_the_published_detectors_find_the_same(build: Any) -> None:
    images_B3HW = photographs(SMALL, 2)
    model = build(weights=None, weights_backbone=None)
    Preparation(seed=0).prepare(model, images_B3HW[0])
    check_equal(model, images_B3HW, SMALL)


def check_frozen(build: Any, backbone: str, size: InputSize, pictures: int) -> None:
    """The form of the COCO weights: frozen batch norms whose epsilon is 0."""
    images_B3HW = photographs(size, pictures)
    model = Preparation(seed=1).prepare(build(backbone, nn.BatchNorm2d), images_B3HW[0])
    frozen = build(backbone, partial(FrozenBatchNorm2d, eps=0.0))
    frozen.load_state_dict(model.state_dict())
    frozen.transform = PassThrough()
    check_equal(frozen.eval(), images_B3HW, size)


def test_frozen_batch_norms_without_epsilon_find_the_same() -> None:
    check_frozen(retinanet, "resnet18", SMALL, pictures=2)


@pytest.mark.slow
@pytest.mark.parametrize("build", [faster_rcnn, retinanet])
@pytest.mark.parametrize("backbone", ["resnet34", "resnet50", "resnet101", "resnext50_32x4d"])
def test_large_pictures_and_other_backbones_find_the_same(build: Any, backbone: str) -> None:
    check_frozen(build, backbone, LARGE, pictures=2)
