"""Weights of one arch in another: the same function where that can be, and honest shares."""

from pathlib import Path

import pytest
import torch
from torch import nn

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.detector.build import build_detector
from smnas.errors import WeightsError
from smnas.training.init_report import InitReport
from smnas.training.initial_weights import load_initial_weights
from smnas.training.loop import fit
from smnas.training.recipe import Recipe
from smnas.training.trained_detector import TrainedDetector

RETINA = "fpn-p2-p4-8/none/retina/convs=1"
BASIC = f"64x64/basicblock_8_12-21-2-1/{RETINA}"
CATS = tuple(Category(id=place, name=name) for place, name in enumerate(["cat", "dog", "owl"]))


def lively(text: str, classes: int = len(CATS), seed: int = 0):
    """Return a detector every number of which matters, with statistics of its own maps."""
    detector = build_detector(DetectorArch.parse(text), classes, seed=seed)
    draw = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for module in detector.modules():
            if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
                module.weight.uniform_(0.5, 1.5, generator=draw)
                module.bias.uniform_(-0.5, 0.5, generator=draw)
        detector.train()
        detector.backbone(torch.randn(4, 3, 64, 64, generator=draw))
    return detector.eval()


def maps_of(detector) -> list[torch.Tensor]:
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        return detector.eval().backbone(images)


def outputs_of(detector) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        found = detector.head(detector.neck(maps_of(detector)))
    return found.logits_BSKP, found.offsets_BS4P


def moved(source, text: str, folder: Path, categories=CATS, seed: int = 5):
    """Return a fresh detector of ``text`` that begins from the weights of ``source``."""
    path = folder / "start.safetensors"
    TrainedDetector(source, CATS[: source.num_classes]).save(path)
    detector = build_detector(DetectorArch.parse(text), len(categories), seed=seed)
    return detector, load_initial_weights(detector, path, categories)


def assert_shares_add_up(detector, report: InitReport) -> None:
    learned = sum(v.numel() for k, v in detector.state_dict().items() if "num_batches" not in k)
    assert report.total == learned
    assert 0 <= report.remapped <= report.taken <= report.total


@pytest.mark.parametrize(
    "text",
    [BASIC, f"64x64/resnet18/{RETINA}", "64x64/inverted_8_1-2-1-1/none/ga-rpn/cascade-2/fc=8"],
)
def test_the_same_arch_is_taken_over_exactly(tmp_path: Path, text: str) -> None:
    source = lively(text)
    detector, report = moved(source, text, tmp_path)
    assert (report.share, report.remapped, report.skipped) == (1.0, 0, ())
    assert report.source == "start.safetensors"
    assert "100.0 % of the detector's" in report.sentence
    for name, value in source.state_dict().items():
        if "num_batches" not in name:
            assert torch.equal(value, detector.state_dict()[name])


@pytest.mark.parametrize(
    ("before", "after", "blocks"),
    [
        ("basicblock_8_12-21-2-1", "basicblock_8_112-21-2-1", ["backbone.groups.0.1"]),
        ("basicblock_8_12-21-2-1", "basicblock_8_12-2111-2-1", None),
        ("bottleneck_8_1-2-2-1", "bottleneck_8_1-21-2-11", None),
        ("xbottleneck_8_1-2-2-1", "xbottleneck_8_111-2-21-1", None),
        ("inverted_8_11-2-2-1", "inverted_8_11-211-21-1", None),
        ("resnet18", "resnet34", None),
    ],
)
def test_a_deeper_network_computes_what_the_other_did(
    tmp_path: Path, before: str, after: str, blocks: list[str] | None
) -> None:
    source = lively(f"64x64/{before}/{RETINA}")
    detector, report = moved(source, f"64x64/{after}/{RETINA}", tmp_path)
    for one, other in zip(maps_of(source), maps_of(detector), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    assert report.remapped == 0
    assert report.share < 1
    assert len(report.identity_blocks) >= 1
    if blocks:
        assert list(report.identity_blocks) == blocks
    assert all(name.startswith(report.identity_blocks) for name in report.skipped)
    assert f"{len(report.identity_blocks)} new blocks start as their shortcut" in report.sentence
    assert_shares_add_up(detector, report)


def test_new_blocks_learn(tmp_path: Path, squares) -> None:
    start = tmp_path / "start.safetensors"
    TrainedDetector(lively(BASIC, classes=1), squares.categories).save(start)
    detector = build_detector(DetectorArch.parse(BASIC.replace("12-", "112-", 1)), 1, seed=3)
    recipe = Recipe(batch=2, precision="float32", initial_weights=start)
    log = fit(detector, squares, recipe, epochs=1, seed=0)
    assert log.initial_weights is not None
    (block,) = log.initial_weights.identity_blocks
    assert detector.get_submodule(block).path[-1].norm.weight.abs().min() > 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"basicblock_8_12-21-2-1/{RETINA}", f"basicblock_12_12-21-2-1/{RETINA}"),
        (f"bottleneck_8_1-2-2-1/{RETINA}", f"bottleneck_10_1-2-2-1/{RETINA}"),
        (f"xbottleneck_8_1-2-2-1/{RETINA}", f"xbottleneck_16_1-2-2-1/{RETINA}"),
        (f"basicblock_8_1-2-2-1/{RETINA}", f"basicblock_8_1-2-2-1/{RETINA.replace('4-8', '4-12')}"),
    ],
)
def test_a_wider_network_computes_it_in_its_first_channels(
    tmp_path: Path, before: str, after: str
) -> None:
    source = lively(f"64x64/{before}")
    detector, report = moved(source, f"64x64/{after}", tmp_path)
    for one, other in zip(maps_of(source), maps_of(detector), strict=True):
        torch.testing.assert_close(one, other[:, : one.shape[1]], rtol=1e-5, atol=1e-5)
    for one, other in zip(outputs_of(source), outputs_of(detector), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    assert report.skipped == ()
    # All numbers of the narrower network, and none else, were taken over.
    assert report.taken == sum(
        value.numel() for name, value in source.state_dict().items() if "num_batches" not in name
    )
    assert report.remapped > 0
    assert "in layers of another width" in report.sentence
    assert_shares_add_up(detector, report)


def test_a_narrower_network_keeps_the_first_channels(tmp_path: Path) -> None:
    source = lively(BASIC.replace("block_8", "block_12"))
    detector, report = moved(source, BASIC, tmp_path)
    assert report.share == 1.0
    assert report.skipped == ()
    wide, narrow = source.state_dict(), detector.state_dict()
    for name, value in narrow.items():
        if "num_batches" not in name:
            overlap = tuple(slice(length) for length in value.shape)
            assert torch.equal(value, wide[name][overlap]), name


def test_group_norms_are_nearly_the_same_function(tmp_path: Path) -> None:
    source = lively(BASIC + "/norm=gn-ws")
    detector, report = moved(source, BASIC.replace("12-", "112-", 1) + "/norm=gn-ws", tmp_path)
    for one, other in zip(maps_of(source), maps_of(detector), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert len(report.identity_blocks) == 1


def test_the_twin_with_the_other_norm_takes_what_it_has(tmp_path: Path) -> None:
    detector, report = moved(lively(BASIC + "/norm=gn-ws"), BASIC, tmp_path)
    assert all(name.endswith(("running_mean", "running_var", ".bias")) for name in report.skipped)
    assert 0.9 < report.share < 1
    assert_shares_add_up(detector, report)


def test_classes_are_matched_by_name(tmp_path: Path) -> None:
    source = lively(BASIC)
    ours = tuple(Category(id=i, name=n) for i, n in enumerate(["Owl", "bee", "cat", "ant"]))
    detector, report = moved(source, BASIC, tmp_path, categories=ours)
    before, after = outputs_of(source)[0], outputs_of(detector)[0]
    assert torch.equal(after[:, :, 0], before[:, :, 2])
    assert torch.equal(after[:, :, 2], before[:, :, 0])
    fresh = build_detector(detector.arch, len(ours), seed=5).head.class_tower.last.weight
    rows = detector.head.class_tower.last.weight.unflatten(0, (-1, 4))
    assert torch.equal(rows[:, [1, 3]], fresh.unflatten(0, (-1, 4))[:, [1, 3]])
    layer = source.head.class_tower.last
    assert report.remapped == 2 * (layer.weight.numel() + layer.bias.numel()) // 3
    assert report.skipped == ()


@pytest.mark.parametrize("head", ["rpn/rcnn/fc=8", "rpn/cascade-2/fc=8"])
def test_classes_of_rois_are_matched_by_name(tmp_path: Path, head: str) -> None:
    text = f"64x64/basicblock_8_1-2-1-1/fpn-p2-p4-8/{head}"
    source = lively(text)
    detector, _ = moved(source, text, tmp_path, categories=(CATS[2], CATS[0]))
    pairs = (
        [(source.head.roi_head.predictor, detector.head.roi_head.predictor)]
        if "rcnn" in head
        else zip(source.head.roi_head.predictors, detector.head.roi_head.predictors, strict=True)
    )
    for theirs, ours in pairs:
        features = torch.randn(1, 5, 8, 7, 7)
        logits, offsets = theirs(features)
        new_logits, new_offsets = ours(features)
        torch.testing.assert_close(new_logits, logits[..., [2, 0, 3]])
        kept = [2, 0, 3] if offsets.shape[2] > 1 else [0]
        torch.testing.assert_close(new_offsets, offsets[:, :, kept])


def test_levels_of_the_neck_are_matched_by_level(tmp_path: Path) -> None:
    source = lively(BASIC)
    detector, _ = moved(source, BASIC.replace("fpn-p2-p4", "fpn-p1-p4"), tmp_path)
    for one, other in zip(source.neck.laterals, list(detector.neck.laterals)[1:], strict=True):
        assert torch.equal(one.conv.weight, other.conv.weight)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = source.neck(source.backbone(images))
        after = detector.eval().neck(detector.backbone(images))
    for one, other in zip(before, after[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_other_blocks_share_the_stem_and_what_follows_the_backbone(tmp_path: Path) -> None:
    detector, report = moved(lively(BASIC), f"64x64/bottleneck_8_12-21-2-1/{RETINA}", tmp_path)
    groups = {name for name in detector.state_dict() if name.startswith("backbone.groups.")}
    assert set(report.skipped) == {name for name in groups if "num_batches" not in name}
    assert report.identity_blocks == ()


def test_another_head_starts_at_random(tmp_path: Path) -> None:
    text = "64x64/basicblock_8_12-21-2-1/fpn-p2-p4-8/rpn/rcnn/fc=8"
    _, report = moved(lively(BASIC), text, tmp_path)
    assert {name.split(".")[0] for name in report.skipped} == {"head"}


def test_nothing_in_common(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"no part of 64x64/basic.* fits 64x64/resnet18/none/rpn"
    ):
        moved(lively(BASIC), "64x64/resnet18/none/rpn/rcnn/fc=8", tmp_path)
