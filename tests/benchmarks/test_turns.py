from itertools import count

import pytest


def test_every_run_has_its_turn_and_the_first_round_is_not_counted() -> None:
    from turns import time_in_turns

    calls: list[str] = []
    ticks = count()
    seconds = time_in_turns(
        {name: lambda name=name: calls.append(name) for name in "ab"}, 3, lambda: float(next(ticks))
    )
    assert calls == list("abababab")
    assert seconds == {"a": [1.0, 1.0, 1.0], "b": [1.0, 1.0, 1.0]}


def test_median_and_interval() -> None:
    from turns import summarise

    assert summarise("x", [3.0, 1.0, 2.0]) == {"x": 2.0, "x_interval": [1.0, 3.0]}


def test_ratios_are_taken_within_a_round() -> None:
    from turns import ratios

    assert ratios([2.0, 6.0], [1.0, 2.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])
