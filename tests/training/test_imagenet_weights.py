"""No test reaches the hub: what would be fetched is made here."""

from pathlib import Path

import pytest
import torch
from torch import nn

from smnas.arch import DetectorArch
from smnas.arch.parts import NAMED_BACKBONES, CodedBackbone, NamedBackbone, TimmBackbone
from smnas.data.picture import MEAN_RGB, STD_RGB
from smnas.detector import timm_pyramids
from smnas.detector.build import build_detector
from smnas.detector.named_backbone import TIMM_NAMES
from smnas.errors import ConfigError, WeightsError
from smnas.training import imagenet_weights
from smnas.training.imagenet_weights import (
    PERMISSIVE_LICENCES,
    PINNED_TAGS,
    choose_weights,
    fetch_weights,
)
from smnas.training.initial_weights import check_start, load_initial_weights

timm = pytest.importorskip("timm")
CODED = CodedBackbone(block="basicblock", base=8, code="1-2-1-1")
TAIL = "fpn-p2-p4-16/none/retina/convs=1"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub whose weights are all 0.25."""

    def download(name: str) -> dict[str, torch.Tensor]:
        state = timm.create_model(name, pretrained=False).state_dict()
        return {key: torch.full_like(value, 0.25) for key, value in state.items() if value.ndim}

    monkeypatch.setattr(imagenet_weights, "download_pretrained", download)


def test_every_backbone_of_the_paper_is_pinned() -> None:
    assert tuple(PINNED_TAGS) == NAMED_BACKBONES


@pytest.mark.parametrize("name", NAMED_BACKBONES)
def test_pinned_weights_have_the_licence_that_timm_states(name: str) -> None:
    pinned = PINNED_TAGS[name]
    config = timm.get_pretrained_cfg(f"{TIMM_NAMES[name]}.{pinned.tag}")
    assert config.license == pinned.licence
    assert pinned.licence in PERMISSIVE_LICENCES
    assert config.num_classes == 1000
    assert (config.mean, config.std) == (MEAN_RGB, STD_RGB)
    chosen = choose_weights(NamedBackbone(name=name))  # pyright: ignore
    assert chosen is not None
    assert chosen.hub_id == f"timm/{TIMM_NAMES[name]}.{pinned.tag}" == f"timm/{chosen.name}"


def test_timms_default_tag_is_used_where_its_licence_is_permissive() -> None:
    chosen = choose_weights(TimmBackbone(name="convnext_atto"))
    assert chosen is not None
    assert chosen.name == "convnext_atto.d2_in1k"
    named = choose_weights(TimmBackbone(name="resnet50.a2_in1k"))
    assert named is not None
    assert named.name == "resnet50.a2_in1k"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "resnext101_32x4d",
            r"resnext101_32x4d\.fb_ssl_yfcc100m_ft_in1k: its licence is 'cc-by-nc-4\.0'; .* only "
            r"under apache-2\.0, mit, bsd-3-clause; write timm:resnext101_32x4d\.gluon_in1k, .* or "
            r"get the file yourself \(model\.safetensors in the repository "
            r"timm/resnext101_32x4d\.fb_ssl.*\) and give it with --init FILE",
        ),
        ("resnet50.fb_ssl_yfcc100m_ft_in1k", "its licence is 'cc-by-nc-4.0'"),
        ("resnet50.bamboo", "its licence is 'unknown'"),
        ("selecsls84", "timm lists no ImageNet weights of it; train from scratch, or give a file"),
    ],
)
def test_other_licences_are_refused_with_a_way_out(name: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        choose_weights(TimmBackbone(name=name))


def test_without_network_the_error_says_how_to_give_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: object, **settings: object) -> None:
        raise FileNotFoundError("cannot find the requested files\nmore")

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(
        WeightsError,
        match=r"^resnet18\.tv_in1k: cannot be fetched: cannot find the requested files\. Without "
        r"network give the file: it is model\.safetensors in the repository timm/resnet18\.tv_in1k "
        r"of the Hugging Face hub, and --init FILE \(recipe: initial_weights\) takes it$",
    ):
        fetch_weights(NamedBackbone(name="resnet18"))


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2", "timm:convnext_atto"])
def test_the_whole_backbone_is_taken_over(name: str) -> None:
    detector = build_detector(DetectorArch.parse(f"64x64/{name}/{TAIL}"), 2, seed=0)
    report = load_initial_weights(detector, "imagenet")
    assert report.source.startswith("ImageNet weights ")
    for key, value in detector.state_dict().items():
        if value.ndim:
            ours = key.startswith(("neck.", "head."))
            assert (value == 0.25).all() != ours, key
            assert (key in report.skipped) == ours


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2"])
def test_group_norms_take_gains_and_biases_only(name: str) -> None:
    arch = DetectorArch.parse(f"64x64/{name}/{TAIL}")
    plain = build_detector(arch, 2, seed=0)
    grouped = build_detector(arch.replace(norm="gn-ws"), 2, seed=0)
    with_statistics = load_initial_weights(plain, "imagenet").taken
    report = load_initial_weights(grouped, "imagenet")
    statistics = 2 * sum(
        module.num_features for module in plain.modules() if isinstance(module, nn.BatchNorm2d)
    )
    assert report.taken == with_statistics - statistics
    assert f"{100 * report.share:.1f} % of the detector's" in report.sentence


@pytest.mark.usefixtures("hub")
def test_pictures_normalised_otherwise_are_mentioned() -> None:
    found = fetch_weights(TimmBackbone(name="mobilenetv4_conv_small_050"))
    assert found is not None
    assert found.source == (
        "ImageNet weights mobilenetv4_conv_small_050.e3000_r224_in1k (apache-2.0), trained on "
        "pictures of mean 0.5/0.5/0.5 and deviation 0.5/0.5/0.5 where ours have "
        "0.485/0.456/0.406 and 0.229/0.224/0.225"
    )


def test_a_codes_backbone_has_none() -> None:
    assert choose_weights(CODED) is None
    assert fetch_weights(CODED) is None
    with pytest.raises(ConfigError, match="expected a backbone by name, such as resnet18"):
        check_start("imagenet", [CODED])


@pytest.mark.usefixtures("hub")
def test_one_backbone_by_name_suffices_for_a_search() -> None:
    check_start("imagenet", [CODED, NamedBackbone(name="resnet18")])


def test_a_local_file_of_timms_names(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(timm.create_model("convnext_atto", pretrained=False).state_dict(), path)
    detector = build_detector(DetectorArch.parse(f"64x64/timm:convnext_atto/{TAIL}"), 2, seed=0)
    report = load_initial_weights(detector, path)
    assert all(name.startswith(("neck.", "head.")) for name in report.skipped)


def test_only_one_file_knows_timm() -> None:
    room = Path(timm_pyramids.__file__).parents[1]
    users = [p.name for p in room.rglob("*.py") if 'import_module("timm' in p.read_text()]
    assert users == ["timm_pyramids.py"]
