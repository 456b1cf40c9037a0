"""Reading a front package that is whole, broken, changed, or made to do harm."""

import json
import os
import shutil

import numpy as np
import onnx
import pytest

import smnas
from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.errors import ConfigError, PackageError, WeightsError
from smnas.experiment.package import PIECES, read_package
from smnas.export.runtime import ExportedDetector
from smnas.measure.device_report import hash_file
from smnas.training.trained_detector import TrainedDetector


@pytest.fixture
def folder(package_folder, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(package_folder, tmp_path / "copy")


def declare(folder):
    """Write the hashes of the pieces as they are now: somebody meant the change."""
    path = folder / "package.json"
    facts = json.loads(path.read_text())
    facts["files"] = {name: hash_file(folder / name) for name in PIECES}
    path.write_text(json.dumps(facts))


def test_a_package_predicts(package_folder):
    picture, found = read_package(package_folder).read_pictures()[0]
    detector = smnas.load(package_folder)
    assert isinstance(detector, ExportedDetector)
    np.testing.assert_array_equal(detector.predict(picture).scores, found.scores)
    network = smnas.load(str(package_folder), runtime="torch-eager")
    assert isinstance(network, TrainedDetector)
    np.testing.assert_allclose(network.predict(picture).scores, found.scores, atol=1e-4)
    with pytest.raises(ConfigError, match="did you mean 'openvino'"):
        smnas.load(package_folder, runtime="openvin")


@pytest.mark.parametrize("name", [*PIECES])
def test_a_missing_piece_is_told(folder, name):
    (folder / name).unlink()
    with pytest.raises(PackageError, match=rf"{name} is missing; copy the whole folder again"):
        smnas.load(folder)


@pytest.mark.parametrize("name", [*PIECES])
def test_a_changed_piece_is_told(folder, name):
    with (folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(PackageError, match=rf"{name} was changed since"):
        smnas.load(folder)


@pytest.mark.parametrize("name", ["README.md", "LICENCE.md", "detections.jpg"])
def test_what_is_for_people_may_be_changed(folder, name):
    (folder / name).unlink()
    smnas.load(folder)


def test_what_is_no_package_is_told(tmp_path, finished_run, folder):
    for other in (tmp_path, finished_run):
        with pytest.raises(PackageError, match="expected a front package"):
            smnas.load(other)
    (folder / "package.json").write_text('{"format": "smnas-package-9"}')
    with pytest.raises(PackageError, match="format: Input should be 'smnas-package-1'"):
        smnas.load(folder)
    (folder / "package.json").write_bytes(b"\x80\x04.")
    with pytest.raises(PackageError, match="Invalid JSON"):
        smnas.load(folder)


def test_hashes_of_other_files_are_refused(folder):
    path = folder / "package.json"
    facts = json.loads(path.read_text())
    facts["files"]["../outside"] = facts["files"].pop("arch.json")
    path.write_text(json.dumps(facts))
    with pytest.raises(PackageError, match=r"differs in \.\./outside, arch\.json"):
        smnas.load(folder)


def test_weights_of_another_arch_are_told(folder):
    package = read_package(folder)
    other = package.arch.replace(input=package.arch.input.model_copy(update={"width": 96}))
    detector = build_detector(other, 2, seed=0)
    TrainedDetector(detector, package.categories).save(folder / "weights.safetensors")
    declare(folder)
    with pytest.raises(
        PackageError, match=r"weights\.safetensors: expected the arch 64x64.*got 96x"
    ):
        smnas.load(folder, runtime="torch-eager")


def test_weights_of_other_classes_are_told(folder):
    package = read_package(folder)
    categories = [package.categories[0], type(package.categories[0])(9, "horse")]
    detector = build_detector(package.arch, 2, seed=0)
    TrainedDetector(detector, categories).save(folder / "weights.safetensors")
    declare(folder)
    with pytest.raises(PackageError, match=r"expected the classes of labels\.json"):
        smnas.load(folder, runtime="torch-eager")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("detector.onnx", b"\x08\x07rubbish", "whole ONNX model"),
        ("arch.json", b'{"input": 3}', r"arch\.json"),
        ("labels.json", b'[{"id": "cat"}]', r"labels\.json"),
        ("metrics.json", b'[{"metric": "ap"}]', r"metrics\.json"),
    ],
)
def test_what_cannot_be_read_is_told(folder, name, content, words):
    (folder / name).write_bytes(content)
    declare(folder)
    with pytest.raises((PackageError, WeightsError), match=words):
        smnas.load(folder)


def test_a_file_of_another_arch_than_the_folder_says(folder):
    arch = read_package(folder).arch
    other = DetectorArch.parse(str(arch).replace("convs=1", "convs=2"))
    (folder / "arch.json").write_text(other.to_json())
    declare(folder)
    with pytest.raises(PackageError, match=r"arch\.json: expected the arch"):
        smnas.load(folder)


def test_a_file_that_reaches_outside_is_refused(folder, tmp_path):
    (tmp_path / "secret").write_bytes(b"\0" * 10**6)
    model = onnx.load(folder / "detector.onnx")
    tensor = next(t for t in model.graph.initializer if len(t.raw_data) > 64)
    size = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../secret"), ("offset", "0"), ("length", str(size))):
        tensor.external_data.add(key=key, value=value)
    (folder / "detector.onnx").write_bytes(model.SerializeToString())
    declare(folder)
    with pytest.raises(
        WeightsError, match=r"reads another one \('\.\./secret'\), which is refused"
    ):
        smnas.load(folder)


def test_a_foreign_model_is_told(folder):
    shutil.copy(folder / "reference.onnx", folder / "detector.onnx")
    declare(folder)
    with pytest.raises(WeightsError, match="no detector of smnas"):
        smnas.load(folder)


class Harmful:
    def __reduce__(self):
        return os.putenv, ("SMNAS_WAS_HARMED", "1")


def test_pickled_pictures_are_not_read(folder):
    np.savez(folder / "check.npz", picture_0=np.array([Harmful()], dtype=object))
    declare(folder)
    with pytest.raises(PackageError, match=r"check\.npz: cannot be read"):
        read_package(folder).read_pictures()
    assert os.getenv("SMNAS_WAS_HARMED") is None
