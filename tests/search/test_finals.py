"""Who gets the final training, and the front over these."""

import numpy as np
import pytest

from smnas.arch import DetectorArch
from smnas.search.finals import choose_finalists
from smnas.trial.measurement import Measurement
from smnas.trial.trial import Failure, Origin, Outcome, Proposal, Trial


@pytest.fixture(name="place")
def fixture_place(micro, make_settings, answer):
    """Make a trial at given numbers; every number gets an arch of its own."""
    archs = list(micro.structural.enumerate())

    def make(number, ap, latency_ms, *, stage=1, budget=None, arch=None, **others):
        proposal = Proposal(
            arch=arch or archs[number], stage=stage, origin=Origin(operator="sample"),
            budget=budget or make_settings().stage_one, seed=0,
        )  # fmt: skip
        values = {"ap": ap, "latency_ms": latency_ms, "macs_g": 1.0, **others}
        measurements = tuple(
            Measurement.model_validate({**dict(item), "value": values[item.metric]})
            for item in answer(proposal).measurements
            if item.metric in values
        )
        return Trial(number=number, proposal=proposal, outcome=Outcome(measurements=measurements))

    return make


def _numbers(trials):
    return [trial.number for trial in trials]


def test_equal_budgets_share_one_front(place, make_settings):
    trials = [
        place(0, 0.50, 99.0, stage="yardstick"),
        place(1, 0.20, 10.0),
        place(2, 0.30, 20.0),
        place(3, 0.25, 25.0),  # dominated by 2
        place(4, 0.31, 15.0, stage=2),  # dominates 2
    ]
    assert _numbers(choose_finalists(trials, make_settings(finals=2))) == [1, 4]


def test_places_left_go_to_the_next_behind_the_front_most_unlike_first(place, make_settings):
    trials = [
        place(0, 0.20, 4.0),
        place(1, 0.30, 5.0),
        place(2, 0.29, 6.0),  # next behind
        place(3, 0.29, 17.0),  # further behind: 2 dominates it
        place(4, 0.295, 18.0),  # next behind, and far away
        place(5, 0.10, 40.0),
    ]
    for finals, chosen in (2, [0, 1]), (3, [0, 1, 4]), (4, [0, 1, 2, 4]), (5, [0, 1, 2, 3, 4]):
        assert _numbers(choose_finalists(trials, make_settings(finals=finals))) == chosen


def test_what_nothing_is_known_to_beat_comes_before_the_next_behind(place, make_settings):
    trials = [
        place(0, 0.20, 4.0),
        place(1, 0.30, 5.0),
        place(2, 0.26, 6.0),  # next behind, but 1 beats it beyond the tie width
        place(3, 0.29, 7.0),  # dominated by 1, not beyond the tie width
        place(4, 0.28, 30.0),  # the same, and dominated by 3
    ]
    for finals, chosen in (3, [0, 1, 4]), (4, [0, 1, 3, 4]), (5, [0, 1, 2, 3, 4]):
        settings = make_settings(finals=finals, ap_tie=0.03)
        assert _numbers(choose_finalists(trials, settings)) == chosen


def test_one_place_is_kept_for_what_is_only_plausible(place, make_settings):
    aps = (0.10, 0.15, 0.24, 0.25, 0.30)
    trials = [*(place(i, ap, 2.0**i) for i, ap in enumerate(aps)), place(5, 0.29, 64.0)]
    wide, narrow = make_settings(finals=4, ap_tie=0.03), make_settings(finals=4)
    assert _numbers(choose_finalists(trials, wide)) == [0, 2, 4, 5]
    assert 5 not in _numbers(choose_finalists(trials, narrow))
    assert _numbers(choose_finalists(trials, wide.model_copy(update={"finals": 2}))) == [2, 4]
    assert _numbers(choose_finalists(trials, wide.model_copy(update={"finals": 3}))) == [0, 2, 4]


def test_what_is_faster_than_all_chosen_ones_was_not_undersold(place, make_settings):
    trials = [
        place(0, 0.001, 1.0),
        place(1, 0.20, 4.0),
        place(2, 0.30, 8.0),
        place(3, 0.0, 1.1),  # the most unlike in cost
        place(4, 0.29, 11.0),
        place(5, 0.25, 6.0),
    ]
    settings = make_settings(finals=4, ap_tie=0.02)
    assert _numbers(choose_finalists(trials, settings)) == [1, 5, 2, 4]


def test_other_budgets_have_a_front_of_their_own(place, make_settings):
    settings = make_settings(stage_two={"epochs": 5})
    trials = [
        place(1, 0.20, 10.0),
        place(2, 0.30, 20.0),
        place(4, 0.31, 15.0, stage=2, budget=settings.stage_two),
    ]
    assert _numbers(choose_finalists(trials, settings)) == [1, 4, 2]


def test_an_arch_on_both_fronts_is_trained_once_as_stage_twos(place, make_settings, micro):
    settings, arch = make_settings(stage_two={"epochs": 5}), next(micro.structural.enumerate())
    trials = [
        place(1, 0.20, 10.0, arch=arch),
        place(2, 0.25, 10.1, stage=2, budget=settings.stage_two, arch=arch),
    ]
    assert _numbers(choose_finalists(trials, settings)) == [2]


def test_archs_that_build_one_network_are_trained_once(place, make_settings):
    text = "512x512/resnet{}/fpn-p1-p2-256/rpn/rcnn"
    trials = [
        place(1, 0.20, 10.0, arch=DetectorArch.parse(text.format(50))),
        place(2, 0.25, 10.1, arch=DetectorArch.parse(text.format(101))),
        place(3, 0.30, 20.0, arch=DetectorArch.parse(text.format(18))),
    ]
    settings = make_settings(ap_tie=0.1, latency_tie=0.1)  # the two are equally good
    assert _numbers(choose_finalists(trials, settings)) == [1, 3]


def test_who_is_fast_and_finds_nothing_gets_no_place(place, make_settings):
    trials = [
        place(0, 0.001, 1.0),
        place(1, 0.20, 4.0),
        place(2, 0.21, 4.2),
        place(3, 0.30, 16.0),
        place(4, 0.305, 17.0),
    ]
    for finals, chosen in (1, [4]), (2, [2, 4]), (3, [1, 2, 4]), (5, [0, 1, 2, 3, 4]):
        assert _numbers(choose_finalists(trials, make_settings(finals=finals))) == chosen


def test_each_place_goes_to_whoever_adds_most_to_the_area_below_the_front(place, make_settings):
    rng = np.random.default_rng(0)
    aps, ms = np.sort(rng.uniform(0.0, 0.5, 12)), np.sort(rng.uniform(1.0, 50.0, 12))
    trials = [place(i, *pair) for i, pair in enumerate(zip(aps, ms, strict=True))]
    end = np.log(ms[-1]) + 0.05 * np.log(ms[-1] / ms[0])

    def area(numbers):
        """Add up the rectangles: each detector's AP, up to the next slower one."""
        ordered = sorted(numbers)
        widths = np.diff([*np.log(ms[ordered]), end])
        return float(aps[ordered] @ widths)

    chosen = {11}
    for finals in range(2, 9):
        left = set(range(12)) - chosen
        chosen.add(max(left, key=lambda at: area({*chosen, at})))
        assert set(_numbers(choose_finalists(trials, make_settings(finals=finals)))) == chosen


def test_the_most_accurate_member_always_stays(place, make_settings):
    # The slowest is no better than the best beyond the tie width, nor slower beyond its own.
    trials = [*(place(i, 0.1 + 0.02 * i, 2.0**i) for i in range(5)), place(5, 0.176, 15.9)]
    settings = make_settings(finals=2, ap_tie=0.5, latency_tie=0.9)
    best = max(trials, key=lambda trial: trial.value("ap"))
    for finals in (1, 2, 3):
        chosen = choose_finalists(trials, make_settings(finals=finals, ap_tie=0.5, latency_tie=0.9))
        assert best in chosen
        assert len(chosen) == finals
    lone = [place(0, 0.30, 10.0), place(1, 0.299, 10.1), place(2, 0.1, 1.0)]
    assert _numbers(choose_finalists(lone, make_settings(finals=1))) == [0]
    assert len(choose_finalists(trials, settings)) == 2


def test_the_best_of_stage_two_stays_where_budgets_differ(place, make_settings):
    settings = make_settings(stage_two={"epochs": 5}, finals=2)
    trials = [
        place(0, 0.10, 1.0),
        place(1, 0.60, 64.0),
        place(2, 0.40, 7.0, stage=2, budget=settings.stage_two),
    ]
    assert 2 in _numbers(choose_finalists(trials, settings))


def test_they_are_the_front_on_the_objectives_of_the_search(place, make_settings):
    trials = [
        place(0, 0.10, 1.0, params_m=1.0),
        place(1, 0.30, 2.0, params_m=9.0),
        place(2, 0.20, 9.0, params_m=3.0),  # slow, but between the two in parameters
        place(3, 0.19, 1.5, params_m=4.0),  # fast, but dominated by 2 in parameters
    ]
    settings = make_settings(objectives="ap,params_m", finals=3)
    assert _numbers(choose_finalists(trials, settings)) == [0, 2, 1]
    assert _numbers(choose_finalists(trials, make_settings(finals=3))) == [0, 3, 1]
    all_three = make_settings(objectives="ap,latency_ms,params_m")
    assert _numbers(choose_finalists(trials, all_three)) == [0, 3, 1, 2]


def test_nothing_that_failed_is_chosen(place, make_settings):
    failure = Outcome(failure=Failure(stage="build", reason="too large"))
    trials = [place(0, 0.3, 9.0).model_copy(update={"outcome": failure})]
    assert choose_finalists(trials, make_settings()) == []
    assert choose_finalists([], make_settings()) == []
