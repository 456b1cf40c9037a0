"""The cross-check of learning: from equal weights, torchvision's losses and gradients and ours."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, RetinaNet
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from smnas.arch.parts import InputSize
from smnas.detector.build import build_detector
from smnas.detector.contract import Targets
from smnas.detector.loss_settings import (
    LossSettings,
    RcnnLosses,
    RetinaLosses,
    RpnLosses,
    SampleSettings,
)
from smnas.training.torchvision_names import to_our_names
from smnas.training.torchvision_weights import convert_torchvision

SIDE = 96
CLASSES = 3
ALL = 9999
"""More than there are anchors or proposals: all are sampled, so that nothing is left to chance."""
SETTINGS = LossSettings(
    retina=RetinaLosses(box_beta=0.0),
    rpn=RpnLosses(sample=SampleSettings(count=ALL, positive_share=0.5)),
    rcnn=RcnnLosses(box_beta=1 / 9, sample=SampleSettings(count=ALL, positive_share=0.25)),
)
PICTURES: dict[str, Any] = {
    "min_size": SIDE,
    "max_size": SIDE,
    "image_mean": [0.0] * 3,
    "image_std": [1.0] * 3,
    "_skip_resize": True,
}
LOSS_NAMES = {
    "loss_objectness": "objectness",
    "loss_rpn_box_reg": "proposal_boxes",
    "loss_classifier": "classification",
    "loss_box_reg": "boxes",
    "classification": "classification",
    "bbox_regression": "boxes",
}


def faster_rcnn() -> nn.Module:
    body = resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, trainable_layers=5, norm_layer=nn.BatchNorm2d
    )
    sampling = {"rpn_batch_size_per_image": ALL, "box_batch_size_per_image": ALL}
    return FasterRCNN(body, CLASSES + 1, **sampling, **PICTURES)


def retinanet() -> nn.Module:
    body = resnet_fpn_backbone(
        backbone_name="resnet18",
        weights=None,
        trainable_layers=5,
        norm_layer=nn.BatchNorm2d,
        returned_layers=[2, 3, 4],
        extra_blocks=LastLevelP6P7(256, 256),
    )
    return RetinaNet(body, CLASSES, **PICTURES)


def draw_targets(generator: torch.Generator) -> Targets:
    """Return four objects in one picture, and three and a row that fills up in another."""
    sides = SIDE * (0.1 + 0.5 * torch.rand(2, 4, 2, generator=generator))
    start = (SIDE - sides) * torch.rand(2, 4, 2, generator=generator)
    valid_BG = torch.ones(2, 4, dtype=torch.bool)
    valid_BG[1, 3] = False
    return Targets(
        boxes_BG4=torch.cat((start, start + sides), dim=-1),
        labels_BG=torch.randint(CLASSES, (2, 4), generator=generator),
        valid_BG=valid_BG,
        ignore_BG=torch.zeros_like(valid_BG),
    )


def as_theirs(targets: Targets, first_label: int) -> list[dict[str, Tensor]]:
    rows = zip(targets.boxes_BG4, targets.labels_BG, targets.valid_BG, strict=True)
    return [
        {"boxes": boxes[valid], "labels": labels[valid] + first_label}
        for boxes, labels, valid in rows
    ]


def gradients_of(model: nn.Module) -> dict[str, Tensor]:
    return {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize(("build", "pictures"), [(faster_rcnn, 2), (retinanet, 1)])
def test_equal_weights_learn_the_same(build: Callable[[], nn.Module], pictures: int) -> None:
    """RetinaNet on one picture: torchvision weighs pictures equally, we weigh objects equally."""
    torch.manual_seed(0)
    theirs = build().train()
    found = convert_torchvision(theirs.state_dict(), InputSize(width=SIDE, height=SIDE))
    ours = build_detector(found.arch, found.num_classes, SETTINGS, seed=0).train()
    ours.load_state_dict(found.tensors)
    generator = torch.Generator().manual_seed(1)
    images_B3HW = torch.randn(pictures, 3, SIDE, SIDE, generator=generator)
    targets = draw_targets(generator).of_pictures(slice(pictures))

    wanted = theirs(list(images_B3HW), as_theirs(targets, found.first_label))
    losses = ours(images_B3HW, targets)
    assert {LOSS_NAMES[name] for name in wanted} == set(losses)
    for name, loss in wanted.items():
        torch.testing.assert_close(losses[LOSS_NAMES[name]], loss, rtol=1e-4, atol=1e-6)

    sum(wanted.values(), torch.tensor(0.0)).backward()
    sum(losses.values(), torch.tensor(0.0)).backward()
    gradients = gradients_of(ours)
    for name, wanted_gradient in to_our_names(gradients_of(theirs)).items():
        scale = wanted_gradient.abs().max().item()
        torch.testing.assert_close(gradients[name], wanted_gradient, rtol=0, atol=1e-3 * scale)
