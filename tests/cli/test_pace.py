"""The estimate of the time that is left."""

from smnas.cli.pace import Pace


def test_nothing_is_estimated_before_anything_is_done() -> None:
    assert Pace(begun=0.0).seconds_left(5.0) is None
    assert Pace(begun=0.0).describe(5.0) == "0 % done, estimating the rest"


def test_the_rest_follows_the_pace_and_counts_down() -> None:
    pace = Pace(begun=100.0).at(120.0, 0.25)
    assert pace.seconds_left(120.0) == 60.0
    assert pace.seconds_left(130.0) == 50.0
    assert pace.seconds_left(1000.0) == 0.0


def test_what_was_done_before_is_not_this_calls_pace() -> None:
    pace = Pace(begun=0.0, share_at_begin=0.5, share=0.5).at(10.0, 0.75)
    assert pace.seconds_left(10.0) == 10.0
