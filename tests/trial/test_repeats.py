"""What seeds have differed by, pooled over all that was trained more than once."""

import statistics
from collections.abc import Callable

import pytest

from smnas.trial.repeats import seed_deviation
from smnas.trial.trial import Trial


def test_deviation_is_pooled_over_what_was_trained_again(make_trial: Callable[..., Trial]) -> None:
    groups = {3: [0.2, 0.26], 9: [0.5, 0.52, 0.57], 27: [0.9]}
    trials = [
        make_trial(number, epochs=epochs, ap=ap)
        for epochs, values in groups.items()
        for number, ap in enumerate(values)
    ]
    squares = sum(statistics.variance(v) * (len(v) - 1) for v in groups.values() if len(v) > 1)
    assert seed_deviation(trials, "ap") == pytest.approx((squares / 3) ** 0.5)
    assert seed_deviation(trials, "ap50") is None
    assert seed_deviation([make_trial(0, ap=0.2), make_trial(1, state="failed")], "ap") is None
    assert seed_deviation([make_trial(0, ap=0.2), make_trial(1, epochs=9, ap=0.4)], "ap") is None
