"""Every benchmark runs, on sizes too small to mean anything."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(script: str, path: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(BENCHMARKS / script), "--json", str(path), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return json.loads(path.read_text())


@pytest.mark.slow
def test_paper_latency(tmp_path: Path) -> None:
    options = ("--threads", "1", "--rounds", "1", "--shrink", "16", "--names", "sm-nas-e0")
    found = run("paper_latency.py", tmp_path / "found.json", *options)
    assert found["faster-rcnn-r50-fpn"]["ratio"] == 1
    assert found["sm-nas-e0"]["ratio"] > 0
    assert found["sm-nas-e0"]["paper_ratio"] == 0.334


@pytest.mark.slow
def test_checkpoints(tmp_path: Path) -> None:
    found = run("checkpoints.py", tmp_path / "found.json", "--rounds", "1", "--names", "micro")
    assert found["micro"]["mib"] > 1
    assert found["micro"]["write_s"] > 0
    assert 0 < found["micro"]["share_of_training"] < 0.01


@pytest.mark.slow
def test_repeatability(tmp_path: Path) -> None:
    small = ("--small", "--repeats", "2", "--loaded", "1")
    found = run("repeatability.py", tmp_path / "found.json", *small)
    assert found["measurements"] == 10
    assert 0 <= found["flagged_quiet"] <= found["flagged_under_load"] == 1
    assert all(item["latency_ms"] > 0 for item in found["detectors"].values())


@pytest.mark.slow
def test_two_settings(tmp_path: Path, finished_run: Path) -> None:
    found = run("two_settings.py", tmp_path / "found.json", str(finished_run))
    assert [item["precision"] for item in found["settings"]] == ["float32", "int8"]
    assert [item["threads"] for item in found["settings"]] == [1, 2]
    for item in found["settings"]:
        assert all(row["latency_ms"] > 0 for row in item["front"])
    assert found["changed"] == len(found["left"]) + len(found["joined"])


@pytest.mark.slow
def test_detector_speed(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    small = ("--threads", "1", "--rounds", "1", "--size", "64", "--batch", "1")
    found = run("detector_speed.py", path, *small)
    for kind in ("faster_rcnn_r18", "retinanet_r18"):
        assert found[kind]["macs_g"] == pytest.approx(found[kind]["torchvision_macs_g"], rel=0.02)
        for name in ("train_ratio", "train_ratio_fp32", "predict_ratio"):
            low, high = found[kind][f"{name}_interval"]
            assert 0 < low <= found[kind][name] <= high
        assert found[kind]["memory_ratio"] > 0
    assert 0 < found["arithmetic_share"] < 1.5
    assert 0 < found["matching_share"] < 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["faster_rcnn_r18", "retinanet_r18"])
def test_what_detectors_learn(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "found.json"
    path.write_text('{"arithmetic_share": 0.5}')
    short = ("--learning-steps", "2", "--learning-size", "64", "--learning-batch", "1")
    few = ("--learning-rois", "16", "--learning-seeds", "2", "--threads", "1", "--kinds", kind)
    found = run("detector_speed.py", path, "--check-learning", *short, *few)
    assert found["arithmetic_share"] == 0.5
    seeds = found["learning"][kind]["seeds"]
    assert len(seeds) == 2
    for item in seeds:
        for who in ("ours", "torchvision"):
            assert item[who]["loss"] > 0
            assert item[who]["ap"] >= 0
    gains = [item["ours"]["loss"] - item["torchvision"]["loss"] for item in seeds]
    assert found["learning"][kind]["loss_gain"] == pytest.approx(sum(gains) / 2, abs=1e-4)


@pytest.mark.slow
def test_loader_speed(tmp_path: Path) -> None:
    small = ("--pictures", "16", "--rounds", "1", "--open", "20000")
    found = run("loader_speed.py", tmp_path / "found.json", *small)
    assert found["ratio"] > 1
    assert 0 < found["share_of_step"] < 1
    assert 0 <= found["waiting_share"] < 1
    assert found["open_100k_pictures"] == 20_000
    assert found["open_100k_s"] > 0
    assert found["open_100k_mb"] < found["first_open_100k_mb"]


@pytest.mark.slow
def test_memory(tmp_path: Path) -> None:
    found = run("memory.py", tmp_path / "found.json", "--structures", "1")
    (one,) = found["structures"]
    for metric in ("training_memory_mib", "peak_memory_mib"):
        assert one[metric] > 0
        error = abs(one[f"{metric}_predicted"] / one[metric] - 1)
        assert found[metric]["median_error"] == pytest.approx(error, abs=1e-3)


@pytest.mark.slow
def test_bootstrap_speed(tmp_path: Path) -> None:
    small = ("--pictures", "40", "--replicates", "20", "--checked", "2")
    found = run("bootstrap_speed.py", tmp_path / "found.json", *small)
    assert (found["pictures"], found["classes"], found["replicates"]) == (40, 80, 20)
    assert found["largest_difference"] < 1e-9
    assert found["bootstrap_s"] > 0


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("ray"), reason="needs Ray")
def test_ray_slots(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    path.write_text('{"busy_8_simulated": 0.9, "date": "before"}')
    found = run("ray_slots.py", path, "--slots", "2", "--trials", "8", "--median-s", "0.5")
    assert found["busy_8_simulated"] == 0.9
    assert 0.1 < found["busy_2_ray"] <= 1
    assert found["ray_slots"]["trials"] == 8


@pytest.mark.slow
def test_driver_memory(tmp_path: Path) -> None:
    found = run("driver_memory.py", tmp_path / "found.json", "--trials", "4")
    assert found["trials"] >= 4
    assert found["driver_rss_mib_last"] > 50


@pytest.mark.slow
def test_search_overhead(tmp_path: Path) -> None:
    found = run("search_overhead.py", tmp_path / "found.json", "--trials", "220", "260")
    assert found["parts"]["screening"] == "ensemble"
    for name in ("proposal_ms", "proposal_cpu_ms", "archive_write_ms"):
        for size in ("220", "260"):
            assert 0 < found[name][size]["median"] <= found[name][size]["max"]
    assert found["open_archive_s"] > 0


@pytest.mark.slow
def test_scaling(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    path.write_text(json.dumps({"busy_64_ray": 0.9, "curve": {"2": {"busy": 0.5}}}))
    found = run("scaling.py", path, "--trials", "20", "--slots", "1", "3", "--many", "230")
    assert found["busy_64_ray"] == 0.9
    assert set(found["curve"]) == {"1", "2", "3"}
    assert found["curve"]["1"]["busy"] > 0.9
    assert 0 < found["curve"]["3"]["busy"] < 1
    assert found["driver_ms_per_trial_230"] > 0


def test_plan_accuracy(tmp_path: Path) -> None:
    from plan_accuracy import compare

    from smnas.archive.archive import Archive
    from smnas.archive.header import RunHeader

    now = datetime.now(UTC)
    header = RunHeader(smnas_version="0", created=now.isoformat(), config={}, data_ids={})
    Archive.create(tmp_path / "run", header).close()
    plan = {"trainings": 3, "hours": 0.5, "disk_mb": 1.0}
    (tmp_path / "run" / "plan.json").write_text(json.dumps(plan))
    report = tmp_path / "run" / "report.html"
    report.write_text("")
    for minutes, within in ((30, True), (22, False), (38, True), (41, False)):
        at = now.timestamp() + 60 * minutes
        os.utime(report, (at, at))
        found = compare(tmp_path / "run")
        assert found["planned_over_taken"] == pytest.approx(30 / minutes, abs=2e-3)
        assert found["within_aim"] is within
