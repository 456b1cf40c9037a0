"""A candidate is refused by its predicted time where that leaves no doubt, and else timed."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from smnas.arch import DetectorArch
from smnas.experiment import forecast
from smnas.experiment.forecast import Forecast
from smnas.measure.blocks import timing
from smnas.measure.blocks.plan import plan_blocks
from smnas.measure.blocks.table import LatencyTable, TimedBlock, TimedDetector, file_name
from smnas.measure.file_latency import file_latency_protocol
from smnas.measure.latency import latency_protocol
from smnas.trial.measurement import Measurement

ARCH = "{}x32/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina/convs=1"
SIDES = (32, 64, 96, 128, 160, 192, 224, 256)
PICTURE = np.zeros((40, 50, 3), np.uint8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_DIR", str(tmp_path / "cache"))


def arch_of(side):
    return DetectorArch.parse(ARCH.format(side)).deployed


def open_forecast(tmp_path, runtime="torch-eager", number=3):
    return Forecast(tmp_path, number, runtime, "cpu", 1, PICTURE, nullcontext)


def know_all(tmp_path, protocol):
    """Fill the device's table: each block takes 0.5 ms, each detector 2 ms more than its blocks."""
    entries = []
    for side in (*SIDES, 320):
        blocks = plan_blocks(arch_of(side), 1, PICTURE.shape[:2])
        entries += [TimedBlock(block=block.key, ms=0.5) for block in blocks]
        ms = 2.0 + 0.5 * len(blocks)
        entries.append(
            TimedDetector(arch=str(arch_of(side)), classes=1, picture=PICTURE.shape[:2], ms=ms)
        )
    LatencyTable(tmp_path / "cache" / "latency" / file_name(protocol)).add(entries)
    return entries


@pytest.mark.parametrize("runtime", forecast.RUNTIMES)
def test_what_the_device_knows_is_enough_to_predict(tmp_path, monkeypatch, runtime):
    for name in ("time_in_torch", "time_as_files"):
        monkeypatch.setattr(forecast, name, None)  # nothing is left to be timed
    protocol = (
        latency_protocol("cpu")
        if runtime == "torch-eager"
        else file_latency_protocol(torch.get_num_threads())
    )
    entries = know_all(tmp_path, protocol)
    (found,) = open_forecast(tmp_path, runtime).predict(arch_of(32))
    blocks = plan_blocks(arch_of(32), 1, (40, 50))
    assert found.metric == "latency_ms_predicted"
    assert found.protocol.kind == "prediction"
    assert found.protocol.runtime == runtime
    assert found.value == pytest.approx(2.0 + 0.5 * len(blocks), rel=0.02)
    kept = (tmp_path / "trials" / "0003" / file_name(protocol)).read_text().splitlines()
    assert len(kept) == len({entry.model_dump_json() for entry in entries})


def test_a_run_predicts_from_what_its_trials_have_left(tmp_path, monkeypatch):
    know_all(tmp_path, latency_protocol("cpu"))
    (before,) = open_forecast(tmp_path, number=3).predict(arch_of(64))
    monkeypatch.setenv("SMNAS_CACHE_DIR", str(tmp_path / "emptied"))
    (after,) = open_forecast(tmp_path, number=4).predict(arch_of(64))
    assert after == before


def test_what_was_timed_is_learned_with_its_blocks(tmp_path, monkeypatch):
    asked = []

    def time(blocks, device):
        asked.extend(blocks)
        return {block.key: 0.5 for block in blocks}

    monkeypatch.setattr(forecast, "time_in_torch", time)
    learning = open_forecast(tmp_path)
    for side in SIDES:
        assert learning.predict(arch_of(320)) == ()
        protocol = latency_protocol("cpu")
        blocks = len(plan_blocks(arch_of(side), 1, (40, 50)))
        measured = Measurement(
            metric="latency_ms", value=3.0 + blocks, unit="ms", protocol=protocol
        )
        learning.learn(arch_of(side), [measured])
    assert len(asked) == len(set(asked)) > 0
    (found,) = learning.predict(arch_of(320))
    assert found.protocol.detectors == len(SIDES)
    assert open_forecast(tmp_path, number=4).predict(arch_of(320)) == (found,)


def test_what_cannot_be_told_is_not_told(tmp_path, monkeypatch):
    know_all(tmp_path, latency_protocol("cpu"))
    nowhere = arch_of(32).replace(backbone={"kind": "timm", "name": "no_such_network"})
    assert open_forecast(tmp_path).predict(nowhere) == ()


def test_blocks_are_timed_while_the_machine_is_quiet(tmp_path, monkeypatch):
    told = []

    class Alone:
        def __enter__(self):
            told.append("quiet")

        def __exit__(self, *error):
            told.append("over")

    def time(blocks, device):
        told.append("timed")
        return {block.key: 0.5 for block in blocks}

    monkeypatch.setattr(forecast, "time_in_torch", time)
    learning = Forecast(tmp_path, 3, "torch-eager", "cpu", 1, PICTURE, Alone)
    protocol = latency_protocol("cpu")
    measured = Measurement(metric="latency_ms", value=3.0, unit="ms", protocol=protocol)
    learning.learn(arch_of(32), [measured])
    assert told == ["quiet", "timed", "over"]


def test_the_first_trials_of_a_search_really_time_blocks(tmp_path, monkeypatch):
    brief = timing.QUICK.__class__(seconds=0.01, max_warmup=3, min_repeats=3)
    monkeypatch.setattr(timing, "QUICK", brief)
    protocol = latency_protocol("cpu")
    measured = Measurement(metric="latency_ms", value=3.0, unit="ms", protocol=protocol)
    open_forecast(tmp_path).learn(arch_of(32), [measured])
    table = LatencyTable(tmp_path / "cache" / "latency" / file_name(protocol))
    assert set(table.blocks) == {b.key for b in plan_blocks(arch_of(32), 1, (40, 50))}
    assert all(ms > 0.0 for ms in table.blocks.values())
