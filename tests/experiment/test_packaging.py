import json

import numpy as np
import pytest
from made_run import BEATEN, FRONT, YARDSTICK, add_trial, make_run

from smnas.archive.archive import Archive
from smnas.data.sources import DataSpec, load_splits
from smnas.data.trees import load_trees
from smnas.errors import ArchiveError, ConfigError, DataError
from smnas.experiment.package import PIECES, read_package
from smnas.experiment.packaging import make_packages
from smnas.measure.device_report import hash_file
from smnas.trial.front_chance import FRONT_CHANCE


def test_a_package_stands_alone(finished_run, package_folder):
    package = read_package(package_folder)
    names = {path.name for path in package_folder.iterdir()}
    assert names == {*PIECES, "package.json", "README.md", "LICENCE.md", "detections.jpg"}
    assert package_folder.name == f"{FRONT:04d}"
    facts = package.facts
    assert (facts.found_by.trial, facts.found_by.seed, facts.recommended) == (FRONT, 1, True)
    assert facts.searched.machine == "some machine"
    assert {"numpy", "onnxruntime", "torch", "python"} <= set(facts.packaged.versions)
    assert [(item.id, item.name) for item in package.categories] == [(3, "cat"), (7, "dog")]
    own = finished_run / "trials" / "0001" / "weights.safetensors"
    assert hash_file(package_folder / "weights.safetensors") == hash_file(own)
    assert json.loads((package_folder / "arch.json").read_text())["input"]["width"] == 64


def test_its_numbers_are_of_the_file_and_not_of_torch(package_folder):
    package = read_package(package_folder)
    by_name = {item.metric: item for item in package.metrics}
    assert {"ap", "ap50", "ap:dog", "latency_ms", "latency_p95_ms", "macs_g"} <= set(by_name)
    assert {m.protocol.runtime for m in package.metrics if m.protocol.kind != "count"} == {
        "onnxruntime"
    }
    assert by_name["latency_ms"].interval is not None
    page = (package_folder / "README.md").read_text()
    assert f"| AP50, validation pictures | {100 * by_name['ap50'].value:.1f} (" in page
    assert "95 % interval from 1000 bootstrap replicates" in page
    assert "![What it finds" in page
    assert str(package.arch) in page
    licence = (package_folder / "LICENCE.md").read_text()
    assert "Apache License 2.0" in licence
    assert "annotations.json" in licence


def test_its_pictures_are_those_that_the_search_was_timed_on(finished_run, package_folder):
    package = read_package(package_folder)
    stored = package.read_pictures()
    source = finished_run.parent / "data" / "annotations.json"
    val = load_splits(DataSpec(source=str(source)), 0).val
    np.testing.assert_array_equal(stored[0][0], val.read(0)[0])
    assert 2 <= len(stored) <= 4
    detector = package.load_file()
    for picture, found in stored:
        assert len(found.scores) > 0
        np.testing.assert_array_equal(detector.predict(picture).boxes_xyxy, found.boxes_xyxy)


def test_the_runs_own_file_and_numbers_are_taken_where_it_has_some(exported_run, tmp_path):
    made = make_packages(exported_run, tmp_path / "made", everything=True)
    trials = [package.facts.found_by.trial for package in made]
    assert trials == [FRONT, BEATEN, YARDSTICK]
    archive = Archive.open(exported_run)
    for package, number in zip(made, trials, strict=True):
        trial = archive.trials()[number]
        assert package.facts.recommended == (number == FRONT)
        ms = next(m for m in package.metrics if m.metric == "latency_ms")
        assert ms == trial.measurement("latency_ms")
        assert FRONT_CHANCE not in {m.metric for m in package.metrics}
        own = exported_run / "trials" / f"{number:04d}" / "detector.onnx"
        assert hash_file(package.folder / "detector.onnx") == hash_file(own)
    with pytest.raises(ConfigError, match="there already"):
        make_packages(exported_run, tmp_path / "made")


def test_pictures_that_are_to_stay_where_they_are_are_in_no_package(exported_run, tmp_path):
    shy = tmp_path / "shy"
    before = Archive.open(exported_run)
    header = before.header
    archive = Archive.create(
        shy, header.model_copy(update={"config": header.config | {"pictures": False}})
    )
    for trial in before.trials():
        add_trial(archive, trial.number, trial.proposal.arch, trial.outcome.measurements)
    archive.close()
    (shy / "trials").symlink_to(exported_run / "trials")
    (package,) = make_packages(shy)
    assert package.folder == shy / "packages" / "0001"
    assert package.facts.pictures == "embedded"
    picture = package.read_pictures()[0][0]
    np.testing.assert_array_equal(picture, load_trees().val.read(0)[0])
    assert "trees/NOTICE.md" in (package.folder / "LICENCE.md").read_text()
    # The time is that of the picture in the folder; all else is the run's.
    old = {m.metric: m for m in before.trials()[FRONT].outcome.measurements}
    new = {m.metric: m for m in package.metrics}
    assert new["ap"] == old["ap"]
    assert new["latency_ms"] != old["latency_ms"]


def test_fewer_bits_are_measured_as_such(finished_run, tmp_path):
    (package,) = make_packages(finished_run, tmp_path, precision="int8")
    assert package.folder.name == "0001-int8"
    assert package.load_file().precision == "int8"
    kinds = {m.protocol.precision for m in package.metrics if m.protocol.kind != "count"}
    assert kinds == {"int8"}


def test_a_search_that_is_not_over_has_no_packages(finished_run, tmp_path):
    before = Archive.open(finished_run)
    archive = Archive.create(tmp_path / "young", before.header)
    for trial in before.trials()[:3]:
        add_trial(archive, trial.number, trial.proposal.arch, trial.outcome.measurements)
    archive.close()
    with pytest.raises(ArchiveError, match="finals are trained"):
        make_packages(tmp_path / "young")


def test_pictures_that_have_changed_are_told(tmp_path):
    run = make_run(tmp_path / "run")
    (tmp_path / "data" / "19.png").write_bytes((tmp_path / "data" / "0.png").read_bytes())
    with pytest.raises(DataError, match="expected the validation pictures"):
        make_packages(run)
    assert not (run / "packages").exists()


def test_weights_that_are_gone_leave_nothing_half(exported_run, tmp_path, monkeypatch):
    archive = Archive.open(exported_run)
    weights = exported_run / archive.trials()[FRONT].outcome.weights
    kept = weights.rename(weights.with_name("elsewhere"))
    try:
        with pytest.raises(ArchiveError, match="are gone"):
            make_packages(exported_run, tmp_path / "made")
    finally:
        kept.rename(weights)
    assert list((tmp_path / "made").iterdir()) == []
