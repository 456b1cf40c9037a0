"""The converter: what it makes of torchvision's state dicts, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import detection

from smnas.arch import DetectorArch
from smnas.arch.parts import InputSize
from smnas.data.dataset import Category
from smnas.detector.build import build_detector
from smnas.errors import ConfigError, WeightsError
from smnas.training.initial_weights import load_initial_weights
from smnas.training.torchvision_weights import convert_torchvision, load_torchvision
from smnas.training.trained_detector import TrainedDetector

FASTER = (
    "fpn-p1-p5-256/rpn/rcnn/min-side=0.01/roi-aligned=no/rpn-anchor-rounded=yes/rpn-min-side=0.001"
)
RETINA = "fpn-p2-p6-256/none/retina/anchor-rounded=yes{}/detections=300/extra=conv/min-side=-1"


def shapes_of(name: str, **settings: Any) -> dict[str, Tensor]:
    """Return the state dict of one of torchvision's models, without content."""
    with torch.device("meta"):
        model = getattr(detection, name)(weights=None, weights_backbone=None, **settings)
    return model.state_dict()


def resnet18_faster(classes: int) -> dict[str, Tensor]:
    body = detection.backbone_utils.resnet_fpn_backbone(backbone_name="resnet18", weights=None)
    torch.manual_seed(0)
    return detection.FasterRCNN(body, num_classes=classes).state_dict()


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("fasterrcnn_resnet50_fpn", detection.FasterRCNN_ResNet50_FPN_Weights.COCO_V1),
        ("retinanet_resnet50_fpn", detection.RetinaNet_ResNet50_FPN_Weights.COCO_V1),
    ],
)
def test_parameters_are_as_many_as_torchvision_publishes(name: str, weights: Any) -> None:
    found = convert_torchvision(shapes_of(name))
    with torch.device("meta"):
        ours = build_detector(found.arch, found.num_classes, seed=0)
    norms = [module for module in ours.modules() if isinstance(module, nn.BatchNorm2d)]
    # The published models keep the affine parameters of their batch norms as buffers.
    buffers = sum(norm.weight.numel() + norm.bias.numel() for norm in norms)
    count = sum(parameter.numel() for parameter in ours.parameters())
    assert count - buffers == weights.meta["num_params"]


@pytest.mark.parametrize(
    ("name", "arch", "classes", "first_label"),
    [
        ("fasterrcnn_resnet50_fpn", f"1333x800/resnet50/{FASTER}", 90, 1),
        ("retinanet_resnet50_fpn", f"1333x800/resnet50/{RETINA.format('')}", 91, 0),
    ],
)
def test_the_arch_has_torchvisions_conventions(
    name: str, arch: str, classes: int, first_label: int
) -> None:
    found = convert_torchvision(shapes_of(name))
    assert (str(found.arch), found.num_classes, found.first_label) == (arch, classes, first_label)


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn"])
def test_the_published_files_are_read(name: str) -> None:
    """They have frozen batch norms, and the names of layers of torchvision's first versions."""
    published: dict[str, Tensor] = {}
    for full, tensor in shapes_of(name).items():
        parts = full.split(".")
        if "conv" in parts and "head" in parts and parts[0] == "head":
            parts[3:5] = [str(int(parts[3]) * 2)]
        elif parts[0] == "rpn" and "conv" in parts:
            parts[3:5] = []
        elif parts[2] in ("inner_blocks", "layer_blocks"):
            del parts[4]
        if parts[-1] != "num_batches_tracked":
            published[".".join(parts)] = tensor
    modern, found = convert_torchvision(shapes_of(name)), convert_torchvision(published)
    assert found.tensors.keys() == modern.tensors.keys()
    assert found.arch == modern.arch.replace(
        backbone=modern.arch.backbone.model_copy(update={"bn_eps": 0.0})
    )
    assert convert_torchvision(published, bn_eps=1e-5).arch == modern.arch


def test_size_and_epsilon_are_the_callers() -> None:
    state = shapes_of("retinanet_resnet50_fpn", num_classes=4)
    found = convert_torchvision(state, InputSize(width=640, height=480), bn_eps=1e-3)
    assert str(found.arch) == f"640x480/resnet50/{RETINA.format('/bn-eps=0.001')}"
    assert found.num_classes == 4
    assert [item.name for item in found.categories()] == [f"label {label}" for label in range(4)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fasterrcnn_resnet50_fpn_v2", r"differs from our .* such as 'backbone.fpn.inner_blocks"),
        ("retinanet_resnet50_fpn_v2", r"differs from our .* such as 'neck.extras.0.conv.weight'"),
        ("maskrcnn_resnet50_fpn", r"such as 'roi_heads.mask_head.*models without `_v2`, `mask`"),
        ("fasterrcnn_mobilenet_v3_large_fpn", "backbone that is none of resnet18, resnet34"),
        ("fcos_resnet50_fpn", "differs from our"),
        ("ssdlite320_mobilenet_v3_large", "expected the state dict of a torchvision FasterRCNN"),
    ],
)
def test_other_detectors_are_refused(name: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        convert_torchvision(shapes_of(name))


def test_a_pyramid_without_a_head_is_refused() -> None:
    state = shapes_of("retinanet_resnet50_fpn")
    body = {name: item for name, item in state.items() if name.startswith("backbone")}
    with pytest.raises(WeightsError, match="without the head of a FasterRCNN or RetinaNet"):
        convert_torchvision(body)


def test_a_file_becomes_a_detector_that_predicts_and_is_saved(tmp_path: Path) -> None:
    path, size = tmp_path / "theirs.pth", InputSize(width=96, height=64)
    torch.save({"model": resnet18_faster(3), "epoch": 4}, path)
    detector = load_torchvision(path, ["__background__", "cat", "N/A"], size)
    assert detector.categories == (Category(1, "cat"), Category(2, "label 2"))
    picture = torch.randint(255, (64, 96, 3), dtype=torch.uint8).numpy()
    found = detector.predict(picture)
    assert len(found.labels) > 0
    assert set(found.labels.tolist()) <= {1, 2}
    detector.save(tmp_path / "ours.safetensors")
    again = TrainedDetector.load(tmp_path / "ours.safetensors")
    assert again.predict(picture).scores.tolist() == found.scores.tolist()
    with pytest.raises(ConfigError, match="names of all its 3 labels, from 0 on; got 2"):
        load_torchvision(path, ["cat", "dog"], size)


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other.pth: expected .* such as 'conv.weight'"):
        load_torchvision(tmp_path / "other.pth")


def test_cocos_labels_keep_ids_and_names() -> None:
    categories = convert_torchvision(shapes_of("fasterrcnn_resnet50_fpn")).categories()
    assert (categories[0], categories[89]) == (Category(1, "person"), Category(90, "toothbrush"))
    assert categories[11] == Category(12, "label 12")  # an id that COCO has never used
    assert len({item.name for item in categories}) == 90


def test_a_training_starts_from_its_own_classes(tmp_path: Path) -> None:
    """Of torchvision's COCO weights, people and dogs are taken over into a detector of these."""
    state, path = resnet18_faster(91), tmp_path / "theirs.pth"
    torch.save(state, path)
    arch = DetectorArch.parse("64x64/resnet18/fpn-p1-p5-256/rpn/rcnn")
    detector = build_detector(arch, 2, seed=0)
    report = load_initial_weights(detector, path, [Category(7, "dog"), Category(8, "person")])
    assert report.share == 1.0
    logits = detector.get_parameter("head.roi_head.predictor.logits.weight")
    theirs = state["roi_heads.box_predictor.cls_score.weight"]
    assert torch.equal(logits, theirs[[18, 1, 0]])
    offsets = detector.get_parameter("head.roi_head.predictor.offsets.weight")
    boxes = state["roi_heads.box_predictor.bbox_pred.weight"].unflatten(0, (91, 4))
    assert torch.equal(offsets.unflatten(0, (3, 4)), boxes[[18, 1, 0]])


def test_a_training_starts_from_what_is_alike(tmp_path: Path) -> None:
    """A mask branch makes another detector; all else is taken over under our names."""
    state = resnet18_faster(3) | {"roi_heads.mask_head.0.0.weight": torch.zeros(2)}
    torch.save(state, tmp_path / "mask.pth")
    arch = DetectorArch.parse("64x64/resnet18/fpn-p1-p5-256/rpn/rcnn")
    detector = build_detector(arch, 2, seed=0)
    report = load_initial_weights(detector, tmp_path / "mask.pth")
    assert report.share == 1.0
    first = detector.get_parameter("head.roi_head.predictor.first.weight")
    theirs = state["roi_heads.box_head.fc6.weight"].view(1024, 256, 7, 7)
    assert torch.equal(first.view(1024, 7, 256, 7), theirs.transpose(1, 2))
