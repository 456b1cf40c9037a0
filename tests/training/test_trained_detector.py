import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.detector.build import build_detector
from smnas.errors import ConfigError, MissingFileError, WeightsError
from smnas.training.trained_detector import TrainedDetector
from smnas.training.weights_file import read_weights, write_weights

ARCH = DetectorArch.parse("64x64/basicblock_8_1-1-1-1/fpn-p2-p4-16/none/retina/convs=1")
CATEGORIES = (Category(id=17, name="cat"), Category(id=3, name="dög"))


@pytest.fixture(scope="module")
def trained() -> TrainedDetector:
    """Random weights: what is looked at here is the way in and out, not what is found."""
    arch = ARCH.replace(head=ARCH.head.model_copy(update={"score": 0.0}))
    return TrainedDetector(build_detector(arch, num_classes=2, seed=1), CATEGORIES)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8)


def assert_equal(first, second) -> None:
    for name in ("boxes_xyxy", "scores", "labels"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_prediction_speaks_of_the_picture_and_the_datas_ids(trained, picture) -> None:
    found = trained.predict(picture)
    assert len(found.scores) > 0
    assert found.boxes_xyxy.shape == (len(found.scores), 4)
    assert found.boxes_xyxy.dtype == found.scores.dtype == np.float32
    assert found.labels.dtype == np.int64
    assert set(found.labels) <= {17, 3}
    assert (np.diff(found.scores) <= 0).all()
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy[:, 2] <= 120).all()
    assert (found.boxes_xyxy[:, 3] <= 90).all()


def test_array_image_and_file_give_the_same(trained, picture, tmp_path: Path) -> None:
    image = Image.fromarray(picture)
    image.save(tmp_path / "p.png")
    expected = trained.predict(picture)
    assert_equal(trained.predict(image), expected)
    assert_equal(trained.predict(tmp_path / "p.png"), expected)
    assert_equal(trained.predict(str(tmp_path / "p.png")), expected)


@pytest.mark.parametrize("head", ["none/retina/convs=1", "rpn/rcnn/fc=16"])
def test_pictures_looked_at_together_are_as_one_by_one(head: str) -> None:
    arch = DetectorArch.parse(f"64x64/basicblock_8_1-1-1-1/fpn-p2-p4-16/{head}/score=0/norm=gn")
    trained = TrainedDetector(build_detector(arch, num_classes=2, seed=1), CATEGORIES)
    rng = np.random.default_rng(0)
    sizes = [(90, 120), (64, 64), (30, 200)]
    pictures = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in sizes]
    for found, alone in zip(
        trained.predict_together(pictures), map(trained.predict, pictures), strict=True
    ):
        assert len(found.scores) > 0
        np.testing.assert_array_equal(found.labels, alone.labels)
        np.testing.assert_allclose(found.boxes_xyxy, alone.boxes_xyxy, atol=1e-3)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-6)


def test_list_gives_a_list_of_the_same(trained, picture) -> None:
    wide = picture[:40]
    both = trained.predict([picture, wide])
    assert len(both) == 2
    assert_equal(both[0], trained.predict(picture))
    assert_equal(both[1], trained.predict(wide))
    assert trained.predict([]) == []


def test_score_leaves_out_what_is_below(trained, picture) -> None:
    everything = trained.predict(picture)
    middle = float(np.median(everything.scores))
    some = trained.predict(picture, score=middle)
    np.testing.assert_array_equal(some.scores, everything.scores[everything.scores >= middle])


def test_missing_picture(trained) -> None:
    with pytest.raises(MissingFileError, match=r"none\.png"):
        trained.predict("none.png")


def test_round_trip_is_exact(trained, picture, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    trained.save(path, {"recipe": "0123456789ab"})
    back = TrainedDetector.load(path)
    assert back.arch == trained.arch
    assert back.categories == CATEGORIES
    assert back.extra == {"recipe": "0123456789ab"}
    ours, theirs = trained.detector.state_dict(), back.detector.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert_equal(back.predict(picture), trained.predict(picture))
    back.save(tmp_path / "again.safetensors")
    assert TrainedDetector.load(tmp_path / "again.safetensors").extra == back.extra


def test_metadata_can_be_read_without_us(trained, tmp_path: Path) -> None:
    trained.save(tmp_path / "w.safetensors")
    metadata = read_weights(tmp_path / "w.safetensors").metadata
    assert metadata["smnas.arch"] == str(trained.arch)
    assert json.loads(metadata["smnas.categories"])[0] == {"id": 17, "name": "cat"}
    assert metadata["smnas.version"]


def test_our_own_names_are_reserved(trained, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"smnas\.arch"):
        trained.save(tmp_path / "w.safetensors", {"smnas.arch": "mine"})


def test_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        TrainedDetector.load(tmp_path / "none.safetensors")


def test_truncated_weights(trained, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    trained.save(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="truncated"):
        TrainedDetector.load(path)


def test_weights_of_somebody_else(trained, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(trained.detector.state_dict(), path)
    with pytest.raises(WeightsError, match="expected arch and categories in the metadata"):
        TrainedDetector.load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smnas.arch", "64x64/what"),
        ("smnas.categories", "[{]"),
        ("smnas.categories", '[{"id": 1}]'),
    ],
)
def test_damaged_metadata(trained, tmp_path: Path, name: str, value: str) -> None:
    path = tmp_path / "w.safetensors"
    trained.save(path)
    write_weights(path, load_file(path), {**read_weights(path).metadata, name: value})
    with pytest.raises(WeightsError, match="cannot be read"):
        TrainedDetector.load(path)


def test_tensors_of_another_arch(trained, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    trained.save(path)
    other = str(ARCH).replace("basicblock_8", "basicblock_16")
    write_weights(path, load_file(path), {**read_weights(path).metadata, "smnas.arch": other})
    with pytest.raises(WeightsError, match="do not fit the arch"):
        TrainedDetector.load(path)
