import copy

import pytest
import torch
from torch import nn

from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.detector.contract import Targets
from smnas.detector.detector import Detector
from smnas.errors import ConfigError

TINY = "64x64/basicblock_8_1-1-1-2/fpn-p2-p4-16/none/retina/convs=1"


def count_parameters(detector: Detector) -> int:
    return sum(parameter.numel() for parameter in detector.parameters())


@pytest.mark.parametrize(("name", "millions"), [("sm-nas-e0", 16.234), ("sm-nas-e2", 33.015)])
def test_published_parameter_counts(name: str, millions: float) -> None:
    detector = build_detector(DetectorArch.parse(name), 80, seed=0)
    assert round(count_parameters(detector) / 1e6, 3) == millions


def test_the_single_head_has_a_box_for_every_class_and_background() -> None:
    detector = build_detector(DetectorArch.parse("sm-nas-e0"), 80, seed=0)
    head = detector.get_submodule("head.roi_head.predictor")
    assert isinstance(head.logits, nn.Linear)
    assert isinstance(head.offsets, nn.Linear)
    assert (head.logits.out_features, head.offsets.out_features) == (81, 4 * 81)


def test_cascades_have_one_box_for_all_classes() -> None:
    detector = build_detector(DetectorArch.parse("sm-nas-e2"), 80, seed=0)
    for stage in range(3):
        offsets = detector.get_submodule(f"head.roi_head.predictors.{stage}.offsets")
        assert isinstance(offsets, nn.Linear)
        assert offsets.out_features == 4


def test_stages_above_the_highest_lateral_are_not_built() -> None:
    code = "64x64/basicblock_8_1-1-1-{}/fpn-p1-p3-16/none/retina/convs=1"
    short, long = (
        build_detector(DetectorArch.parse(code.format(tail)), 2, seed=0) for tail in ("1", "21111")
    )
    assert count_parameters(short) == count_parameters(long)


def test_equal_seeds_build_equal_weights_and_leave_the_callers_state_alone() -> None:
    arch = DetectorArch.parse(TINY)
    state = torch.random.get_rng_state()
    one, two, other = (build_detector(arch, 2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, two.state_dict()[name])
    first = "backbone.stem.0.conv.weight"
    assert not torch.equal(one.state_dict()[first], other.state_dict()[first])
    unseeded = [build_detector(arch, 2).state_dict()[first] for _ in range(2)]
    assert not torch.equal(*unseeded)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_copies_have_their_own_sampling_stream() -> None:
    detector = build_detector(DetectorArch.parse(TINY), 2, seed=3)
    twin = copy.deepcopy(detector)
    images, targets = torch.zeros(1, 3, 64, 64), Targets.empty(1, 1)
    drawn = detector(images, targets)
    detector(images, targets)
    assert twin(images, targets) == drawn


def test_first_scores_are_the_prior() -> None:
    detector = build_detector(DetectorArch.parse(TINY + "/norm=gn-ws"), 3, seed=0)
    maps = detector.neck(detector.backbone(torch.randn(2, 3, 64, 64)))
    scores = detector.get_submodule("head")(maps).logits_BSKP.sigmoid()
    assert 0.005 < scores.mean() < 0.02


@pytest.mark.parametrize("classes", [0, -1])
def test_a_detector_needs_a_class(classes: int) -> None:
    with pytest.raises(ConfigError, match=f"expected 1 or more; got {classes}"):
        build_detector(DetectorArch.parse(TINY), classes)
