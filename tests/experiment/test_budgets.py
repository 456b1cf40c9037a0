"""Budgets that the number of pictures decides, and those that the user has set."""

import pytest

from smnas.experiment.budgets import Budgets
from smnas.trial.budget import Budget


@pytest.mark.parametrize(
    ("pictures", "candidate", "final"),
    [(1, 1600, 6400), (50, 32, 128), (400, 4, 16), (9_000, 1, 4)],
)
def test_a_candidate_sees_the_same_number_of_pictures(pictures, candidate, final):
    assert [budget.epochs for budget in Budgets().for_pictures(pictures)] == [
        candidate,
        candidate,
        final,
    ]


def test_what_is_set_stays():
    budgets = Budgets(stage_two=Budget(epochs=7))
    assert [budget.epochs for budget in budgets.for_pictures(50)] == [32, 7, 128]
