import gc
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smnas.measure.latency import (
    Effort,
    measure_latency,
    median_interval,
    stand_in_latency,
    time_predictions,
)

PICTURE = np.zeros((8, 8, 3), np.uint8)


@dataclass
class FakeClock:
    """A clock, and a predictor that takes the given seconds by it; the last ones for ever."""

    seconds: list[float]
    now: float = 0.0
    runs: int = 0
    collected: list[bool] = field(default_factory=list)

    def __call__(self):
        return self.now

    def predict(self, picture_HW3):
        self.now += self.seconds[min(self.runs, len(self.seconds) - 1)]
        self.runs += 1
        self.collected.append(gc.isenabled())


def run(clock: FakeClock, **effort):
    return time_predictions(clock, PICTURE, "cpu", effort=Effort(**effort), clock=clock)


def test_a_real_clock_finds_the_time_that_a_predictor_sleeps():
    class Sleeper:
        def predict(self, picture_HW3):
            time.sleep(0.02)

    found = measure_latency(Sleeper(), PICTURE, "cpu", effort=Effort(seconds=0.3))
    assert found.metric == "latency_ms"
    assert 20.0 <= found.value < 40.0
    assert found.interval is not None
    assert found.interval[0] <= found.value <= found.interval[1]


def test_slow_first_runs_are_not_counted():
    timing = run(FakeClock([1.0, 0.3, 0.2, 0.01]), seconds=5.0)
    assert timing.times_ms == pytest.approx([10.0] * len(timing.times_ms))


def test_a_predictor_that_never_steadies_is_warmed_up_to_the_limit():
    clock = FakeClock([0.01 * (1 + run % 2) for run in range(1000)])
    timing = run(clock, seconds=1e6, max_warmup=9, max_repeats=30)
    assert clock.runs == 9 + 30
    assert len(timing.times_ms) == 30


def test_time_is_capped_but_there_are_always_some_repeats():
    assert len(run(FakeClock([0.1]), seconds=1.0, min_repeats=3).times_ms) == 10
    assert len(run(FakeClock([9.0]), seconds=1.0, min_repeats=3).times_ms) == 3


def test_median_and_p95_are_those_of_the_repeats():
    warm = [0.001] * 3
    timing = run(FakeClock(warm + [0.001 * k for k in range(1, 101)]), max_repeats=100, seconds=1e6)
    assert timing.median.value == pytest.approx(50.5)
    assert timing.p95.metric == "latency_p95_ms"
    assert timing.p95.value == pytest.approx(95.05)


def test_the_protocol_says_the_limits_and_so_is_the_same_for_fast_and_slow():
    fast, slow = run(FakeClock([0.001])), run(FakeClock([2.0]))
    assert len(fast.times_ms) != len(slow.times_ms)
    assert fast.protocol == slow.protocol
    assert fast.protocol.runtime == "torch-eager"
    assert (fast.protocol.batch, fast.protocol.repeats) == (1, Effort().max_repeats)


def test_the_garbage_collector_is_off_meanwhile_and_on_again_after():
    clock = FakeClock([0.01])
    run(clock)
    assert not any(clock.collected)
    assert gc.isenabled()


def test_the_garbage_collector_is_on_again_when_a_prediction_fails():
    class Broken:
        def predict(self, picture_HW3):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        measure_latency(Broken(), PICTURE, "cpu")
    assert gc.isenabled()


@given(times=st.lists(st.floats(0.1, 1e4), min_size=1, max_size=300))
def test_the_interval_surrounds_the_median(times):
    low, high = median_interval(times)
    assert min(times) <= low <= np.median(times) <= high <= max(times)


def test_the_interval_of_the_median_covers_it():
    """Nominal at least 95 %, whatever the distribution."""
    rng = np.random.default_rng(0)
    true_median = np.exp(0.0)
    intervals = [median_interval(rng.lognormal(0.0, 0.5, 30).tolist()) for _ in range(1000)]
    covered = sum(low <= true_median <= high for low, high in intervals)
    assert covered >= 940


def test_known_ranks():
    """For 30 repeats: the 10th and the 21st (any table of the sign test)."""
    assert median_interval([float(k) for k in range(1, 31)]) == (10.0, 21.0)


def test_the_stand_in_follows_from_the_count_alone():
    one, other = stand_in_latency(0.5), stand_in_latency(1.5)
    assert one == stand_in_latency(0.5)
    assert one.value < other.value
    assert one.interval is None
    assert one.protocol == other.protocol
    assert one.protocol.runtime == "stand-in"
