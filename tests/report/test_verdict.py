"""The sentence that says whether the search paid."""

from collections.abc import Callable
from pathlib import Path

import pytest

from smnas.report.tables import front_rows
from smnas.report.verdict import Verdict, judge
from smnas.trial.trial import Trial

MakeTrial = Callable[..., Trial]


def verdict_of(
    make_trial: MakeTrial, ours: tuple[float, float], theirs: tuple[float, float]
) -> Verdict:
    """AP50 intervals are the value and 0.05 to both sides, those of times 3 %."""
    trials = [make_trial(0, "final", *ours), make_trial(1, "yardstick", *theirs)]
    verdict = judge(front_rows(trials, Path()))
    assert verdict is not None
    return verdict


@pytest.mark.parametrize(
    ("ours", "theirs", "accuracy", "speed", "paid", "words"),
    [
        ((0.30, 4.0), (0.20, 8.0), "better", "better", True, "The search paid"),
        ((0.20, 4.0), (0.21, 8.0), "tied", "better", True, "The search paid"),
        ((0.30, 8.0), (0.20, 8.1), "better", "tied", True, "The search paid"),
        ((0.20, 8.0), (0.21, 8.1), "tied", "tied", False, "nothing that is measurably better"),
        ((0.20, 4.0), (0.30, 8.0), "worse", "better", False, "a trade"),
        ((0.20, 8.0), (0.30, 8.1), "worse", "tied", False, "did not pay"),
        ((0.20, 8.0), (0.30, 4.0), "worse", "worse", False, "did not pay"),
    ],
)
def test_verdict_follows_the_intervals(
    make_trial: MakeTrial,
    ours: tuple[float, float],
    theirs: tuple[float, float],
    accuracy: str,
    speed: str,
    paid: bool,
    words: str,
) -> None:
    verdict = verdict_of(make_trial, ours, theirs)
    assert (verdict.accuracy, verdict.speed, verdict.paid) == (accuracy, speed, paid)
    assert words in verdict.sentence
    assert ("Tied means" in verdict.sentence) == ("tied" in (accuracy, speed))


@pytest.mark.parametrize(
    ("lead", "interval", "accuracy"),
    [
        (0.03, (0.01, 0.05), "better"),
        (0.03, (-0.01, 0.07), "tied"),
        (-0.02, (-0.03, -0.01), "worse"),
    ],
)
def test_accuracy_is_compared_on_the_same_pictures(
    make_trial: MakeTrial, lead: float, interval: tuple[float, float], accuracy: str
) -> None:
    ours, theirs = make_trial(0, "final", 0.23, 4.0), make_trial(1, "yardstick", 0.20, 8.0)
    alone = ours.measurement("ap50", "test")
    assert alone is not None
    change = {"metric": "ap50_over_yardstick", "value": lead, "interval": interval}
    ours = ours.model_copy(update={"later": (*ours.later, alone.model_copy(update=change))})
    verdict = judge(front_rows([ours, theirs], Path()))
    assert verdict is not None
    assert (verdict.accuracy, verdict.split) == (accuracy, "test")
    assert (
        f"on the same pictures {100 * lead:+.1f} ({100 * interval[0]:+.1f} to" in verdict.sentence
    )


def test_a_faster_detector_that_finds_nothing_did_not_pay(make_trial: MakeTrial) -> None:
    verdict = verdict_of(make_trial, (0.02, 4.0), (0.01, 8.0))
    assert (verdict.learned, verdict.paid, verdict.speed) == (False, False, "better")
    assert "neither detector has learned" in verdict.sentence
    assert verdict_of(make_trial, (0.02, 4.0), (0.30, 8.0)).learned


def test_another_detector_of_the_front_may_have_paid(make_trial: MakeTrial) -> None:
    trials = [
        make_trial(0, "final", 0.30, 12.0),  # recommended, but slower and no better
        make_trial(1, "final", 0.27, 4.0),
        make_trial(2, "yardstick", 0.28, 8.0),
    ]
    verdict = judge(front_rows(trials, Path()))
    assert verdict is not None
    assert (verdict.trial, verdict.accuracy, verdict.speed, verdict.paid) == (
        1,
        "tied",
        "better",
        True,
    )
    assert "another detector of the front" in verdict.sentence
    assert "Trial 1 takes 4.00 ms" in verdict.sentence
    assert "The recommended detector takes 12.0 ms" in verdict.sentence
    slow = judge(front_rows([trials[0], trials[2]], Path()))
    assert slow is not None
    assert (slow.trial, slow.paid) == (0, False)


def test_numbers_stand_in_the_sentence(make_trial: MakeTrial) -> None:
    sentence = verdict_of(make_trial, (0.30, 4.0), (0.20, 8.0)).sentence
    assert "4.00 ms (3.88-4.12)" in sentence
    assert "2.0 times as fast" in sentence
    assert "AP50 on the test split is 54.0 (49.0-59.0) against 36.0 (31.0-41.0): better" in sentence


def test_without_a_test_split_the_validation_split_is_named(make_trial: MakeTrial) -> None:
    trials = [
        make_trial(0, "final", 0.3, 4.0, test=False),
        make_trial(1, "yardstick", 0.2, 8.0, test=False),
    ]
    verdict = judge(front_rows(trials, Path()))
    assert verdict is not None
    assert verdict.split == "val"
    assert "on the validation split is 60.0" in verdict.sentence


def test_no_verdict_without_a_yardstick(make_trial: MakeTrial) -> None:
    assert judge(front_rows([make_trial(0, "final", 0.3, 4.0)], Path())) is None
