import pytest
import torch
from torch import nn

from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.errors import TrainingError, WeightsError
from smnas.training.loop import fit
from smnas.training.recipe import Recipe
from smnas.training.trained_detector import TrainedDetector

TAIL = "fpn-p2-p4-8/none/retina/anchor-scale=3/convs=1"
CODED = f"64x64/basicblock_8_1-2-1-1/{TAIL}"
NAMED = f"64x64/resnet18/{TAIL}"


def build(text: str, seed: int = 0):
    return build_detector(DetectorArch.parse(text), 1, seed=seed)


def saved(detector, squares, folder):
    """Write weights whose batch norms have seen pictures, and return their file."""
    detector.train()
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    path = folder / "start.safetensors"
    TrainedDetector(detector, squares.categories).save(path)
    return path


def changed(detector, path) -> set[str]:
    before = TrainedDetector.load(path).detector.state_dict()
    return {
        name
        for name, value in detector.state_dict().items()
        if not torch.equal(value, before[name]) and "num_batches" not in name
    }


@pytest.mark.parametrize(
    ("text", "stages", "still", "moving"),
    [
        (CODED, 1, ("backbone.stem.", "backbone.groups.0."), "backbone.groups.1."),
        (CODED, 2, ("backbone.stem.", "backbone.groups.0.", "backbone.groups.1."), "neck."),
        (NAMED, 1, tuple(f"backbone.body.{n}." for n in ("conv1", "bn1", "layer1")), "layer2."),
    ],
)
def test_frozen_stages_stay_as_they_were(squares, tmp_path, text, stages, still, moving) -> None:
    path = saved(build(text), squares, tmp_path)
    detector = build(text, seed=1)
    recipe = Recipe(batch=2, precision="float32", initial_weights=path, frozen_stages=stages)
    fit(detector, squares, recipe, epochs=1, seed=0)
    moved = changed(detector, path)
    assert not [name for name in moved if name.startswith(still)]
    expected = {
        name
        for name in detector.state_dict()
        if not name.startswith(still) and "num_batches" not in name
    }
    assert moved == expected
    assert any(moving in name for name in moved)
    assert all(parameter.requires_grad for parameter in detector.parameters())


@pytest.mark.parametrize("text", [CODED, NAMED])
def test_frozen_batch_norms_stay_as_they_were(squares, tmp_path, text) -> None:
    path = saved(build(text), squares, tmp_path)
    detector = build(text, seed=1)
    recipe = Recipe(batch=2, precision="float32", initial_weights=path, frozen_batch_norm=True)
    fit(detector, squares, recipe, epochs=1, seed=0)
    norms = {
        f"{name}.{value}"
        for name, module in detector.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for value in ("weight", "bias", "running_mean", "running_var")
    }
    everything = {name for name in detector.state_dict() if "num_batches" not in name}
    assert changed(detector, path) == everything - norms


def test_no_gradient_is_computed_for_frozen_stages(squares, tmp_path, monkeypatch) -> None:
    path = saved(build(CODED), squares, tmp_path)
    detector = build(CODED)
    seen: list[tuple[bool, bool]] = []

    def look(module, inputs, output):
        seen.append((output.requires_grad, module.training))

    detector.backbone.groups[1].register_forward_hook(look)
    detector.backbone.groups[2].register_forward_hook(look)
    recipe = Recipe(batch=6, precision="float32", initial_weights=path, frozen_stages=2)
    fit(detector, squares, recipe, epochs=1, seed=0)
    assert seen == [(False, False), (True, True)]


def test_more_stages_than_there_are(squares, tmp_path) -> None:
    path = saved(build(CODED), squares, tmp_path)
    text = CODED.replace("fpn-p2-p4", "fpn-p2-p3")
    recipe = Recipe(batch=2, initial_weights=path, frozen_stages=4)
    with pytest.raises(TrainingError, match=r"at most 3, the stages that the backbone .*; got 4"):
        fit(build(text), squares, recipe, epochs=1, seed=0)


def test_random_weights_are_not_frozen(squares, tmp_path) -> None:
    path = tmp_path / "neck.pth"
    state = build(CODED).state_dict()
    torch.save({name: state[name] for name in state if name.startswith("neck.")}, path)
    recipe = Recipe(batch=2, initial_weights=path, frozen_stages=1)
    with pytest.raises(
        WeightsError, match=r"tensors of the frozen stages .* neck\.pth .*at random"
    ):
        fit(build(CODED), squares, recipe, epochs=1, seed=0)


def test_a_backbone_without_imagenet_weights_learns_from_scratch(squares) -> None:
    recipe = Recipe(batch=2, precision="float32", initial_weights="imagenet", frozen_stages=1)
    detector, before = build(CODED), build(CODED)
    log = fit(detector, squares, recipe, epochs=1, seed=0)
    assert log.initial_weights is not None
    assert log.initial_weights.share == 0
    assert log.initial_weights.sentence.startswith("no ImageNet weights exist for 64x64/basicblock")
    stem = "stem.0.conv.weight"
    assert not torch.equal(
        detector.backbone.get_parameter(stem), before.backbone.get_parameter(stem)
    )


def test_what_has_no_stages_cannot_be_frozen(squares, tmp_path) -> None:
    text = f"64x64/timm:hrnet_w18_small/{TAIL}"
    path = saved(build(text), squares, tmp_path)
    recipe = Recipe(batch=2, initial_weights=path, frozen_stages=1)
    with pytest.raises(TrainingError, match=r"expected at most 0, .*can be told apart; got 1"):
        fit(build(text), squares, recipe, epochs=1, seed=0)


def test_batch_norms_without_epsilon_must_be_frozen(squares) -> None:
    detector = build(f"{NAMED}/bn-eps=0")
    recipe = Recipe(batch=2, precision="float32")
    with pytest.raises(TrainingError, match="bn-eps=0 batch norms cannot learn; leave it out"):
        fit(detector, squares, recipe, epochs=1, seed=0)
    frozen = recipe.model_copy(update={"frozen_batch_norm": True})
    assert fit(detector, squares, frozen, epochs=1, seed=0).steps == 3
