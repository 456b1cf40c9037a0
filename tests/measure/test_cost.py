import time

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torchvision.models import resnet18
from torchvision.ops import DeformConv2d

from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.measure.cost import count_cost, count_macs

TINY = "64x32/basicblock_8_1-2-1-1/fpn-p2-p4-16/none/retina/convs=1"
E0 = "512x512/basicblock_64_1-21-21-12/fpn-p2-p5-128/rpn/rcnn"


def count(text: str, classes: int = 80) -> dict[str, float]:
    return {item.metric: item.value for item in count_cost(DetectorArch.parse(text), classes)}


def conv(out_channels: int, in_channels: int, kernel: int, positions: int) -> int:
    return out_channels * in_channels * kernel**2 * positions


def test_a_tiny_detector_agrees_with_counting_by_hand():
    classes = 3
    p1, p2, p3, p4 = 16 * 8, 8 * 4, 4 * 2, 2 * 1  # positions of a picture of 64x32
    backbone = conv(4, 3, 3, 4 * p1) + conv(8, 4, 3, p1) + 2 * conv(8, 8, 3, p1)
    backbone += conv(16, 8, 3, p2) + conv(16, 16, 3, p2) + conv(16, 8, 1, p2)
    backbone += 2 * conv(16, 16, 3, p3) + conv(16, 16, 1, p3)
    backbone += 2 * conv(16, 16, 3, p4) + conv(16, 16, 1, p4)
    levels = p2 + p3 + p4
    neck = conv(16, 16, 1, levels) + conv(16, 16, 3, levels)
    head = 2 * conv(16, 16, 3, levels) + conv(9 * (classes + 4), 16, 3, levels)
    assert count(TINY, classes)["macs_g"] == pytest.approx(
        (backbone + neck + head) / 1e9, rel=1e-12
    )


def test_parameters_of_a_tiny_detector_agree_with_counting_by_hand():
    classes = 3
    convs = conv(4, 3, 3, 1) + conv(8, 4, 3, 1) + 2 * conv(8, 8, 3, 1)
    convs += conv(16, 8, 3, 1) + conv(16, 16, 3, 1) + conv(16, 8, 1, 1)
    convs += 2 * (2 * conv(16, 16, 3, 1) + conv(16, 16, 1, 1))
    norms = 2 * (4 + 8 + 2 * 8 + 3 * 16 + 2 * 3 * 16)
    neck = 3 * (conv(16, 16, 1, 1) + conv(16, 16, 3, 1) + 2 * 16)
    outputs = 9 * (classes + 4)
    head = 2 * (conv(16, 16, 3, 1) + 16) + conv(outputs, 16, 3, 1) + outputs
    assert count(TINY, classes)["params_m"] == pytest.approx((convs + norms + neck + head) / 1e6)


@pytest.mark.parametrize(
    ("name", "params_m", "macs_g"),
    [("sm-nas-e0", 16.234, 16.73), ("sm-nas-e2", 33.015, 58.97)],
)
def test_the_confirmed_detectors_of_the_paper_have_their_published_size(name, params_m, macs_g):
    """Parameters as published, multiply-adds as rebuilt with 1,000 RoIs (paper.md 5.3)."""
    found = count(name)
    assert found["params_m"] == pytest.approx(params_m, abs=0.001)
    assert found["macs_g"] == pytest.approx(macs_g, abs=0.01)


@pytest.mark.parametrize(
    "name", ["convnext_atto", "regnetx_002", "visformer_tiny", "mobilevit_xxs"]
)
def test_timm_backbones_count_as_they_compute(name):
    """The first two read tensors as they are built; the others have attention, in two forms."""
    arch = DetectorArch.parse(f"160x128/timm:{name}/fpn-p2-p4-16/none/retina/convs=1")
    detector = build_detector(arch, 3, seed=0).eval()
    picture = torch.zeros(1, 3, 128, 160)
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernel is one operator that no counter knows
        macs = count_macs(lambda: detector.head(detector.neck(detector.backbone(picture))))
    parameters = sum(item.numel() for item in detector.parameters())
    params_m, macs_g = count_cost(arch, 3)
    assert (params_m.value, macs_g.value) == (parameters / 1e6, macs / 1e9)


def test_resnet18_has_the_multiply_adds_that_torchvision_publishes():
    with torch.device("meta"):
        network = resnet18().eval()
        macs = count_macs(lambda: network(torch.empty(1, 3, 224, 224)))
    assert macs / 1e9 == pytest.approx(1.814, abs=0.001)


def test_a_deformable_convolution_counts_like_a_plain_one():
    plain = nn.Conv2d(8, 6, 3, padding=1)
    deformable = DeformConv2d(8, 6, 3, padding=1)
    picture, offsets = torch.zeros(1, 8, 10, 12), torch.zeros(1, 18, 10, 12)
    expected = count_macs(lambda: plain(picture))
    assert count_macs(lambda: deformable(picture, offsets)) == expected == 6 * 8 * 9 * 120


def test_every_proposal_that_is_kept_passes_the_head():
    few, many = (count(f"{E0}/proposals={kept}") for kept in (100, 900))
    per_roi = 128 * 49 * 1024 + 1024 * 1024 + 1024 * 5 * 81
    assert many["macs_g"] - few["macs_g"] == pytest.approx(800 * per_roi / 1e9)
    assert many["params_m"] == few["params_m"]


def test_the_padded_picture_is_what_is_counted():
    fitted, padded = count(TINY.replace("64x32", "64x60")), count(TINY.replace("64x32", "64x64"))
    assert fitted == padded


def test_the_deployed_twin_has_the_same_layers_without_the_norms_of_neck_and_head():
    trained = DetectorArch.parse(TINY + "/norm=gn-ws")
    ours, twins = count_cost(trained, 3), count_cost(trained.deployed, 3)
    assert ours[1].value == twins[1].value
    assert ours[0].value > twins[0].value


def test_counting_computes_nothing():
    start = time.process_time()
    count("1333x800/bottleneck_64_111-2111-211111-211/fpn-p2-p6-256/none/retina/extra=conv")
    assert time.process_time() - start < 5.0  # computing it takes 250 G multiply-adds


def test_counts_are_exact_and_say_their_rule():
    for item in count_cost(DetectorArch.parse(TINY), 3):
        assert item.interval is None
        assert item.protocol.kind == "count"
        assert item.protocol.rule
