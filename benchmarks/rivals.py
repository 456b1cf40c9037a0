"""torchvision's detectors and ours, like with like: the same function, from the same weights."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from smnas.arch.parts import InputSize
from smnas.detector.build import build_detector
from smnas.detector.contract import Targets
from smnas.detector.detector import Detector
from smnas.detector.loss_settings import LossSettings, RcnnLosses, RetinaLosses
from smnas.measure.cost import count_cost, count_macs
from smnas.training.optimizer import build_optimizer, clip_gradients
from smnas.training.precision import Precision, autocast
from smnas.training.recipe import Recipe
from smnas.training.torchvision_weights import ConvertedDetector, convert_torchvision

Kind = Literal["faster_rcnn_r18", "retinanet_r18"]
KINDS: tuple[Kind, ...] = ("faster_rcnn_r18", "retinanet_r18")
CLASSES = 80
OBJECTS = 5
"""Boxes in each picture."""
ROIS = 512
"""Proposals of each picture that the head of Faster R-CNN learns from."""
MACS_TOLERANCE = 0.02
RETINA_SIDES = (32, 64, 128, 256, 512)
"""Sides of the smallest square anchors of each level."""
TORCHVISION_LOSSES = LossSettings(
    retina=RetinaLosses(box_beta=0.0), rcnn=RcnnLosses(box_beta=1 / 9)
)
"""The published settings (512 RoIs, 2000 proposals while training), with torchvision's box loss."""
RECIPE = Recipe(losses=TORCHVISION_LOSSES)
CPU = torch.device("cpu")

Step = Callable[[], float]


def build_theirs(
    kind: Kind, size: int, classes: int = CLASSES, seed: int = 0, rois: int = ROIS
) -> nn.Module:
    """Return torchvision's detector as its constructors make it, with every layer trained.

    It takes pictures that are fitted and normalised already, as ours does.
    """
    torch.manual_seed(seed)
    pictures: dict[str, Any] = {
        "min_size": size,
        "max_size": size,
        "image_mean": [0.0, 0.0, 0.0],
        "image_std": [1.0, 1.0, 1.0],
        "_skip_resize": True,
    }
    body: dict[str, Any] = {
        "backbone_name": "resnet18",
        "weights": None,
        "trainable_layers": 5,
        "norm_layer": nn.BatchNorm2d,
    }
    if kind == "faster_rcnn_r18":
        sampled = {"box_batch_size_per_image": rois}
        return FasterRCNN(resnet_fpn_backbone(**body), classes + 1, **sampled, **pictures)
    backbone = resnet_fpn_backbone(
        **body, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256)
    )
    sides = [(side, int(side * 2 ** (1 / 3)), int(side * 2 ** (2 / 3))) for side in RETINA_SIDES]
    anchors = AnchorGenerator(tuple(sides), ((0.5, 1.0, 2.0),) * len(sides))
    return RetinaNet(backbone, classes, anchor_generator=anchors, **pictures)


def convert(theirs: nn.Module, size: int) -> ConvertedDetector:
    """Return what ``theirs`` is here."""
    return convert_torchvision(theirs.state_dict(), InputSize(width=size, height=size))


def build_ours(found: ConvertedDetector, rois: int = ROIS) -> Detector:
    """Return our detector with the same weights."""
    head = TORCHVISION_LOSSES.rcnn
    head = head.model_copy(update={"sample": head.sample.model_copy(update={"count": rois})})
    losses = TORCHVISION_LOSSES.model_copy(update={"rcnn": head})
    detector = build_detector(found.arch, found.num_classes, losses, seed=0)
    detector.load_state_dict(found.tensors)
    return detector


def build_with_group_norm(found: ConvertedDetector) -> Detector:
    """Return our detector with GN + WS in the place of BN and biases, and fresh weights."""
    arch = found.arch.replace(norm="gn-ws")
    return build_detector(arch, found.num_classes, TORCHVISION_LOSSES, seed=0)


def check_macs(kind: Kind, theirs: nn.Module, found: ConvertedDetector, size: int) -> list[float]:
    """Return the billions of multiply-adds of one picture, ours and torchvision's.

    Raises:
        ValueError: They differ by more than 2 %.
    """
    ours = count_cost(found.arch, found.num_classes)[1].value
    counted = count_macs(lambda: run_layers(kind, theirs.eval(), size)) / 1e9
    if abs(ours - counted) > MACS_TOLERANCE * counted:
        raise ValueError(f"{kind}: expected equal multiply-adds; got {ours} G and {counted} G")
    return [round(ours, 3), round(counted, 3)]


def run_layers(kind: Kind, model: Any, size: int) -> None:
    """Run every layer of torchvision's detector on one picture; its head on 1000 RoIs."""
    maps = model.backbone(torch.zeros(1, 3, size, size))
    if kind == "retinanet_r18":
        model.head(list(maps.values()))
        return
    model.rpn.head(list(maps.values()))
    heads = model.roi_heads
    heads.box_predictor(heads.box_head(torch.zeros(1000, maps["0"].shape[1], 7, 7)))


@dataclass(frozen=True)
class Batch:
    """The same pictures and boxes, as each of the two takes them."""

    images_B3HW: Tensor
    targets: Targets

    def theirs(self, first_label: int) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
        """Return pictures and targets as torchvision takes them."""
        targets = self.targets
        rows = zip(targets.boxes_BG4, targets.labels_BG, targets.valid_BG, strict=True)
        return list(self.images_B3HW), [
            {"boxes": boxes[valid], "labels": labels[valid] + first_label}
            for boxes, labels, valid in rows
        ]


def draw_batch(batch: int, size: int, classes: int = CLASSES) -> Batch:
    """Return noise with five boxes in each picture, between a twentieth and half of its side."""
    generator = torch.Generator().manual_seed(0)
    images_B3HW = torch.randn(batch, 3, size, size, generator=generator)
    sides = size * (0.05 + 0.45 * torch.rand(batch, OBJECTS, 2, generator=generator))
    start = (size - sides) * torch.rand(batch, OBJECTS, 2, generator=generator)
    targets = Targets(
        boxes_BG4=torch.cat((start, start + sides), dim=-1),
        labels_BG=torch.randint(classes, (batch, OBJECTS), generator=generator),
        valid_BG=torch.ones(batch, OBJECTS, dtype=torch.bool),
        ignore_BG=torch.zeros(batch, OBJECTS, dtype=torch.bool),
    )
    return Batch(images_B3HW, targets)


def make_step(model: nn.Module, inputs: Any, precision: Precision) -> Step:
    """Return what takes one training step on ``inputs``, again and again."""
    optimizer = build_optimizer(model.train(), RECIPE)
    return partial(take_step, model, optimizer, inputs, precision)


def take_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Any, precision: Precision
) -> float:
    """Take one training step, the same for both around the model's own losses; return their sum."""
    optimizer.zero_grad(set_to_none=True)
    with autocast(CPU, precision):
        losses = model(*inputs)
    total = torch.stack([loss.float() for loss in losses.values()]).sum()
    total.backward()
    clip_gradients(model.parameters(), RECIPE.optimizer.clip_norm)
    optimizer.step()
    return total.item()


def lift_scores(theirs: nn.Module) -> None:
    """Spread the class logits of fresh weights, so that post-processing has boxes to work on."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in theirs.named_parameters():
        if name.endswith(("cls_logits.weight", "cls_score.weight")) and "rpn" not in name:
            nn.init.normal_(parameter, std=0.2, generator=generator)
