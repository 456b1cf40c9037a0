import pytest

from smnas.measure.blocks.table import (
    LatencyTable,
    TimedBlock,
    TimedDetector,
    file_name,
    read_entries,
)
from smnas.trial.measurement import LatencyProtocol

BLOCK = TimedBlock(block="Stem base=8", ms=0.25)
DETECTOR = TimedDetector(arch="a detector", classes=3, picture=(60, 80), ms=4.5)


def protocol(**changes):
    told = {
        "runtime": "onnxruntime",
        "precision": "float32",
        "device": "some CPU",
        "batch": 1,
        "threads": 1,
        "warmup": 20,
        "repeats": 200,
        "versions": {"onnxruntime": "1.20"},
    }
    return LatencyProtocol(**{**told, **changes})


def test_times_are_kept_for_the_device_and_for_the_run(tmp_path):
    shared, own = tmp_path / "cache" / "t.jsonl", tmp_path / "run" / "t.jsonl"
    LatencyTable(shared, (), own).add([BLOCK, DETECTOR])
    for path in (shared, own):
        again = LatencyTable(path)
        assert again.blocks == {"Stem base=8": 0.25}
        assert again.detectors == {("a detector", 3, (60, 80)): 4.5}


def test_a_run_keeps_what_the_device_knew_before_it(tmp_path):
    shared, own = tmp_path / "shared.jsonl", tmp_path / "own.jsonl"
    LatencyTable(shared).add([BLOCK])
    table = LatencyTable(shared, (), own)
    assert not own.exists()
    table.keep_in_run()
    table.keep_in_run()
    assert read_entries(own) == [BLOCK]
    later = LatencyTable(shared, (own,), tmp_path / "later.jsonl")
    later.keep_in_run()
    assert not (tmp_path / "later.jsonl").exists()


def test_what_a_run_has_used_wins_over_what_the_device_has_found_since(tmp_path):
    shared, own = tmp_path / "shared.jsonl", tmp_path / "own.jsonl"
    LatencyTable(own).add([BLOCK])
    LatencyTable(shared).add([TimedBlock(block=BLOCK.block, ms=9.0)])
    assert LatencyTable(shared, (own,)).blocks == {BLOCK.block: 0.25}


def test_a_line_that_was_cut_short_is_left_out(tmp_path):
    path = tmp_path / "t.jsonl"
    LatencyTable(path).add([BLOCK])
    with path.open("a") as file:
        file.write('{"block": "Stem ba\n')
    LatencyTable(path).add([DETECTOR])
    assert read_entries(path) == [BLOCK, DETECTOR]


def test_without_a_disk_times_live_as_long_as_the_process(tmp_path):
    (tmp_path / "file").write_text("")
    table = LatencyTable(tmp_path / "file" / "t.jsonl")
    table.add([BLOCK])
    assert table.blocks == {BLOCK.block: 0.25}


@pytest.mark.parametrize(
    "changes", [{"threads": 2}, {"device": "other"}, {"runtime": "torch-eager"}, {"versions": {}}]
)
def test_each_way_of_timing_has_a_file_of_its_own(changes):
    assert file_name(protocol(**changes)) != file_name(protocol())
    assert file_name(protocol(warmup=1, repeats=2)) == file_name(protocol())
