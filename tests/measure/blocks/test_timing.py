import pytest

from smnas.arch.parts import InputSize
from smnas.errors import MeasurementError
from smnas.measure.blocks import timing
from smnas.measure.blocks.parts import Conv, Fitting
from smnas.measure.standalone import Effort

SMALL = Conv(8, 8, 3, 1, "bn", (8, 8))
LARGE = Conv(32, 32, 3, 1, "bn", (96, 96))
PLACED = Fitting((60, 80), InputSize(width=64, height=64))


@pytest.fixture(autouse=True)
def briefly(tmp_path, monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(timing, "OF_FILES", Effort(seconds=0.1, min_repeats=5, max_warmup=3))
    monkeypatch.setattr(timing, "QUICK", Effort(seconds=0.05, max_warmup=3))


def test_a_block_with_more_to_do_takes_longer_in_both_runtimes():
    blocks = (SMALL, LARGE, PLACED)
    in_torch = timing.time_in_torch(blocks, "cpu")
    as_files, _ = timing.time_as_files(blocks, threads=1)
    for times in (in_torch, as_files):
        assert set(times) == {block.key for block in blocks}
        assert 0.0 < 5 * times[SMALL.key] < times[LARGE.key]


def test_many_files_are_timed_some_at_a_time(monkeypatch):
    monkeypatch.setattr(timing, "FILES_AT_ONCE", 1)
    times, _ = timing.time_as_files((LARGE, SMALL), threads=1)
    assert times[SMALL.key] < times[LARGE.key]


def test_pictures_are_of_one_size():
    other = Fitting((50, 50), PLACED.input)
    with pytest.raises(MeasurementError, match="one size of pictures"):
        timing.time_as_files((PLACED, other), threads=1)
