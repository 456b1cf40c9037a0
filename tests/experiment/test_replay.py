import json
import shutil

import pytest

from smnas.data.sources import DataSpec
from smnas.detector.build import build_detector
from smnas.errors import DataError
from smnas.experiment import replay as module
from smnas.experiment.package import PIECES, read_package
from smnas.experiment.replay import replay
from smnas.measure.device_report import hash_file
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.measurement import LatencyProtocol, Measurement


@pytest.fixture
def folder(package_folder, tmp_path):
    """A package whose time was taken on a quiet machine, whatever this one is."""
    copy = shutil.copytree(package_folder, tmp_path / "copy")
    rewrite(copy, "metrics.json", steady)
    return copy


@pytest.fixture
def timed(monkeypatch, package_folder):
    """Answer with a time that the test sets, by the protocol of the package."""
    stored = next(m for m in read_package(package_folder).metrics if m.metric == "latency_ms")
    answer = {"value": stored.value, "flag": None, "protocol": stored.protocol}

    def measure(file, picture, *, threads, runtime) -> tuple[Measurement, ...]:
        assert threads == stored.protocol.threads
        return (stored.model_copy(update=answer),)

    monkeypatch.setattr(module, "measure_latency_of_file", measure)
    return answer


def verdicts(found):
    return {item.name: item.verdict for item in found}


def rewrite(folder, name, change):
    """Change a JSON piece of a folder, and its hash."""
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))
    declare(folder)


def declare(folder):
    path = folder / "package.json"
    facts = json.loads(path.read_text())
    facts["files"] = {name: hash_file(folder / name) for name in PIECES}
    path.write_text(json.dumps(facts))


def steady(metrics):
    for item in metrics:
        if item["protocol"]["kind"] == "latency":
            value = item["value"]
            item.update(flag=None, interval=[0.9 * value, 1.1 * value])


def change_number(metric, **values):
    def change(metrics):
        for item in metrics:
            if item["metric"] == metric:
                item.update(values)

    return change


def test_a_package_as_it_was_made_holds(folder, timed):
    found = replay(read_package(folder))
    assert set(verdicts(found).values()) == {"holds"}
    names = {"network", "detections", "macs_g", "params_m", "ap", "ap50", "ap:dog", "latency_ms"}
    assert names <= set(verdicts(found))
    ap = next(item for item in found if item.name == "ap50")
    assert ap.now.value == pytest.approx(ap.stored.value, abs=1e-6)


def test_numbers_that_are_not_so_are_told(folder, timed):
    rewrite(folder, "metrics.json", change_number("ap50", value=0.9, interval=[0.8, 0.95]))
    rewrite(folder, "metrics.json", change_number("macs_g", value=7.0))
    timed["value"] *= 2.0
    found = verdicts(replay(read_package(folder)))
    wrong = {name for name, verdict in found.items() if verdict == "does not hold"}
    assert wrong == {"ap50", "macs_g", "latency_ms"}


def test_other_weights_of_the_same_arch_are_found_out(folder, timed):
    package = read_package(folder)
    other = TrainedDetector(build_detector(package.arch, 2, seed=5), package.categories)
    other.save(folder / "weights.safetensors")
    declare(folder)
    found = {item.name: item for item in replay(read_package(folder))}
    assert found["network"].verdict == "does not hold"
    assert "raw head outputs" in found["network"].reason
    assert found["detections"].verdict == "holds"  # the exported file is the old one


def test_a_time_of_another_protocol_is_not_compared(package_folder, timed):
    timed["value"] *= 9.0
    protocol: LatencyProtocol = timed["protocol"]
    timed["protocol"] = protocol.model_copy(update={"device": "another machine"})
    found = {item.name: item for item in replay(read_package(package_folder))}
    assert found["latency_ms"].verdict == "not compared"
    assert found["latency_ms"].reason.endswith("-> another machine")


def test_a_time_from_a_disturbed_machine_decides_nothing(package_folder, timed):
    timed.update(value=9 * timed["value"], flag="other programs kept 90% of the cores busy")
    found = {item.name: item for item in replay(read_package(package_folder))}
    assert found["latency_ms"].verdict == "not compared"
    assert "90%" in found["latency_ms"].reason


def test_pictures_that_are_not_at_hand_are_said(folder, timed, tmp_path):
    path = folder / "package.json"
    facts = json.loads(path.read_text())
    own = facts["found_by"]["config"]["data"]["source"]
    facts["found_by"]["config"]["data"]["source"] = str(tmp_path / "gone.json")
    path.write_text(json.dumps(facts))
    package = read_package(folder)
    found = {item.name: item for item in replay(package)}
    assert found["ap"].verdict == "not compared"
    assert "not at hand" in found["ap"].reason
    assert found["detections"].verdict == "holds"
    # They have moved, and somebody says where to.
    assert set(verdicts(replay(package, DataSpec(source=own))).values()) == {"holds"}


def test_other_pictures_than_the_numbers_are_of_are_refused(package_folder, make_coco):
    with pytest.raises(DataError, match="got others"):
        replay(read_package(package_folder), DataSpec(source=str(make_coco())))
