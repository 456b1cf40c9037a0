"""A finished search on another device: made-up finals, and reports of them as a device writes."""

import json

import pytest

from smnas.arch import DetectorArch
from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.errors import ArchiveError, ComparisonError, ConfigError, MeasurementError
from smnas.experiment.retarget import retarget
from smnas.measure.device_report import hash_file
from smnas.trial.budget import Budget
from smnas.trial.measurement import AccuracyProtocol, CountProtocol, LatencyProtocol, Measurement
from smnas.trial.trial import Origin, Outcome, Proposal

WIDTHS = {1: 64, 2: 96, 3: 128, 4: 160}
AP = {1: 0.10, 2: 0.20, 3: 0.30, 4: 0.15}
MS = {1: 2.0, 2: 4.0, 3: 8.0, 4: 6.0}
YARDSTICK = 4
VAL = AccuracyProtocol(
    runtime="onnxruntime",
    precision="float32",
    device="the search's machine",
    split="val",
    data_id="b" * 12,
    pictures=12,
    replicates=1000,
    versions={"numpy": "2.0"},
)
TIME = LatencyProtocol(
    runtime="onnxruntime",
    precision="float32",
    device="a small device",
    batch=1,
    threads=2,
    warmup=20,
    repeats=200,
    fresh_processes=True,
    versions={"numpy": "2.0", "onnxruntime": "1.20"},
)


def arch_of(number):
    width = WIDTHS.get(number, 192)
    return DetectorArch.parse(f"{width}x64/basicblock_8_1-2-1-1/fpn-p2-p4-8/none/retina")


def numbers(ap, ms):
    return (
        Measurement(metric="ap", value=ap, unit="1", interval=(ap - 0.01, ap + 0.01), protocol=VAL),
        Measurement(metric="latency_ms", value=ms, unit="ms", interval=(ms, ms), protocol=TIME),
        Measurement(metric="macs_g", value=0.1, unit="G", protocol=CountProtocol(rule="counted")),
    )


@pytest.fixture
def make_run(tmp_path):
    def make(name="run", yardstick=True, **config):
        folder = tmp_path / name
        header = RunHeader(
            smnas_version="0.1.0",
            created="2026-01-02",
            config=config,
            data_ids={"train": "a" * 12, "val": "b" * 12},
        )
        archive = Archive.create(folder, header)
        for number in range(5 if yardstick else 4):
            stage = 1 if number == 0 else "yardstick" if number == YARDSTICK else "final"
            proposal = Proposal(
                arch=arch_of(number),
                stage=stage,
                origin=Origin(operator="sample"),
                budget=Budget(epochs=9 if number else 2),
                seed=number,
            )
            archive.start(proposal)
            weights = folder / "trials" / str(number) / "weights.safetensors"
            weights.parent.mkdir(parents=True)
            weights.write_bytes(f"weights {name} {number}".encode())
            measured = numbers(AP.get(number, 0.05), MS.get(number, 1.0))
            relative = weights.relative_to(folder).as_posix()
            archive.record(number, Outcome(measurements=measured, weights=relative))
        archive.close()
        return folder

    return make


@pytest.fixture
def report(tmp_path):
    """Write the report of a trial, with changes; returns its path."""

    def write(run, number, ms, *, ap=None, name=None, protocol=TIME, val=VAL, **changes):
        value = AP[number] if ap is None else ap
        accuracy = Measurement(metric="ap", value=value, unit="1", protocol=val)
        timing = {"file": "detector.onnx", "sha256": "c" * 64, "median_ms": ms, "flag": None}
        detector = {
            "trial": number,
            "arch": str(arch_of(number)),
            "arch_id": arch_of(number).arch_id,
            "weights_sha256": hash_file(run / "trials" / str(number) / "weights.safetensors"),
            "accuracy": [accuracy.model_dump(mode="json")],
        }
        content = {
            "format": "smnas-device-report-1",
            "made": "2026-01-03",
            "system": "Linux",
            "protocol": protocol.model_dump(mode="json"),
            "timings": [timing | {"interval_ms": [0.9 * ms, 1.1 * ms], "p95_ms": 1.2 * ms}],
            "detector": detector | changes.pop("detector", {}),
            "check": None,
        }
        path = tmp_path / (name or f"{number}.json")
        path.write_text(json.dumps(content | changes))
        return path

    return write


def test_the_same_order_is_the_same_front(make_run, report):
    run = make_run()
    found = retarget(run, [report(run, number, 10 * MS[number]) for number in (1, 2, 3)])
    assert (found.kept, found.left, found.joined, found.changed) == ([1, 2, 3], [], [], 0)
    assert (found.recommended_before, found.recommended) == (3, 3)
    assert [row["trial"] for row in found.rows] == [3, 2, 1]
    assert [row["latency_ms"] for row in found.rows] == [80.0, 40.0, 20.0]
    assert found.rows[0]["latency_ms_interval"] == pytest.approx([72.0, 88.0])
    assert found.rows[0]["front_chance"] is None
    assert found.protocol == TIME


def test_members_that_are_slow_there_leave(make_run, report):
    run = make_run()
    there = {1: 30.0, 2: 40.0, 3: 20.0}
    found = retarget(run, [report(run, number, ms) for number, ms in there.items()])
    assert (found.kept, found.left, found.changed) == ([3], [1, 2], 2)
    assert [row["trial"] for row in found.rows] == [3]


def test_a_final_that_was_beaten_joins_where_it_is_fast(make_run, report, monkeypatch):
    monkeypatch.setitem(MS, 1, 5.0)  # beaten by trial 2 at home
    run = make_run()
    found = retarget(run, [report(run, 1, 1.0), report(run, 2, 4.0), report(run, 3, 8.0)])
    assert (found.kept, found.left, found.joined) == ([2, 3], [], [1])


def test_the_accuracy_is_that_of_the_timed_file(make_run, report):
    """Fewer bits may cost more of it than the order bears; nothing of the run's own is mixed in."""
    run = make_run()
    val = VAL.model_copy(update={"precision": "int8"})
    time = TIME.model_copy(update={"precision": "int8"})
    ap = {1: 0.09, 2: 0.05, 3: 0.25}
    reports = [report(run, n, MS[n], ap=ap[n], val=val, protocol=time) for n in (1, 2, 3)]
    found = retarget(run, reports)
    assert (found.kept, found.left) == ([1, 3], [2])
    assert [row["ap"] for row in found.rows] == [0.25, 0.09]
    assert found.rows[0]["macs_g"] == 0.1


def test_a_reported_yardstick_stands_beside_the_front(make_run, report):
    run = make_run()
    found = retarget(run, [report(run, number, MS[number]) for number in (1, 2, 3, YARDSTICK)])
    assert [row["stage"] for row in found.rows].count("yardstick") == 1
    assert YARDSTICK not in (*found.kept, *found.joined)


def test_reports_of_other_artifacts_are_refused(make_run, report):
    run, other = make_run(), make_run("other")
    rest = [report(run, 2, 4.0), report(run, 3, 8.0)]

    def refused(path, words):
        with pytest.raises(ComparisonError, match=words):
            retarget(run, [*rest, path])

    refused(report(other, 1, 2.0), "is of other weights than those of trial 1")
    refused(report(run, 1, 2.0, detector={"arch_id": "0" * 12}), "is of another search")
    refused(report(run, 1, 2.0, detector={"trial": 77}), "has no trial 77")
    refused(blocks(report, run), "of other files")
    refused(report(run, 2, 2.0, name="again.json"), "a second report of trial 2")
    elsewhere = VAL.model_copy(update={"data_id": "e" * 12})
    refused(report(run, 1, 2.0, val=elsewhere), "of other pictures")
    test = VAL.model_copy(update={"split": "test"})
    refused(report(run, 1, 2.0, val=test), "expected ap in it")
    check = {"pictures": 3, "detections": 50, "partnered": 20, "hold": False}
    refused(report(run, 1, 2.0, check=check), "20 of 50 detections")


def blocks(report, run):
    """The report of files that are no detector."""
    path = report(run, 1, 2.0)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"detector": None}))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threads": 1}, "threads 2 and 1"),
        ({"device": "another"}, "device a small device and another"),
        ({"precision": "int8"}, "precision float32 and int8"),
    ],
)
def test_times_of_different_protocols_are_not_compared(make_run, report, changes, words):
    run = make_run()
    reports = [report(run, 1, 2.0), report(run, 2, 4.0)]
    reports.append(report(run, 3, 8.0, protocol=TIME.model_copy(update=changes)))
    with pytest.raises(ComparisonError, match=f"different protocols are never compared: {words}"):
        retarget(run, reports)


def test_accuracies_of_different_protocols_are_not_compared(make_run, report):
    run = make_run()
    int8 = VAL.model_copy(update={"precision": "int8"})
    reports = [report(run, 1, 2.0), report(run, 2, 4.0), report(run, 3, 8.0, val=int8)]
    with pytest.raises(ComparisonError, match="precision float32 and int8"):
        retarget(run, reports)


def test_every_member_of_the_front_needs_a_report(make_run, report):
    run = make_run()
    with pytest.raises(ComparisonError, match="none is of trial 1, 3"):
        retarget(run, [report(run, 2, 4.0)])


def test_what_cannot_be_ranked_is_told(make_run, report, tmp_path):
    run = make_run("young", yardstick=False)
    with pytest.raises(ArchiveError, match="finals are trained"):
        retarget(run, [report(run, 1, 2.0)])
    run = make_run("counted", objectives=["ap", "macs_g"])
    with pytest.raises(ConfigError, match="not one of time but of ap, macs_g"):
        retarget(run, [report(run, 1, 2.0)])
    run = make_run("third")
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(MeasurementError, match=r"measure\.py"):
        retarget(run, [tmp_path / "none.json"])
    path = report(run, 1, 2.0)
    (run / "trials" / "1" / "weights.safetensors").unlink()
    with pytest.raises(ArchiveError, match="is gone"):
        retarget(run, [path])
