"""What a trial may use: from what the user says, what was planned, and what was seen."""

import pytest

from smnas.experiment.limits import LEAST_S, PATIENCE, TrialLimits
from smnas.experiment.plan import Plan, PlannedStage
from smnas.experiment.recipes import Recipes
from smnas.experiment.workplace import Workplace
from smnas.training.recipe import Recipe
from smnas.trial.budget import Budget

EVERYTHING = Workplace()
EIGHT = Recipes.alike(Recipe(batch=8))
STAGES = (PlannedStage("stage one", 10, Budget(epochs=2)),)


def limit_s(stand_in, trial, *, minutes, seen=(), workplace=EVERYTHING) -> float | None:
    plan = Plan(STAGES, minutes, None if minutes is None else 1.0)
    return TrialLimits(workplace, plan, lambda: seen, EIGHT, Budget(epochs=9))(trial).seconds


@pytest.fixture
def make_trial(stand_in):
    from smnas.arch import DetectorArch
    from smnas.trial.trial import Origin, Proposal, Stage, Trial

    arch = DetectorArch.parse("64x64/basicblock_8_1-1-1-1/fpn-p2-p4-16/none/retina")

    def make(epochs: int, seconds: float | None = None, stage: Stage = 1) -> Trial:
        budget, origin = Budget(epochs=epochs), Origin(operator="sample")
        proposal = Proposal(arch=arch, stage=stage, origin=origin, budget=budget, seed=0)
        trial = Trial(number=0, proposal=proposal)
        if seconds is None:
            return trial
        outcome = stand_in.evaluate(trial).model_copy(update={"seconds": seconds})
        return trial.model_copy(update={"outcome": outcome})

    return make


def test_plan_decides_while_nothing_has_been_seen(stand_in, make_trial):
    # 1,000 minutes over 20 epochs: 3,000 seconds an epoch.
    assert limit_s(stand_in, make_trial(4), minutes=1000) == PATIENCE * 4 * 3000


def test_slowest_so_far_counts_where_it_was_slower_than_planned(stand_in, make_trial):
    seen = [make_trial(2, 20_000.0), make_trial(2, 10.0)]
    assert limit_s(stand_in, make_trial(1), minutes=1000, seen=seen) == PATIENCE * 10_000


def test_a_final_that_is_trained_on_folds_has_time_for_all_of_them(stand_in, make_trial):
    stages = (*STAGES, PlannedStage("finals", 25, Budget(epochs=9), folds=5))
    plan = Plan(stages, None, 1.0)
    seen = [make_trial(2, 200.0)]
    limits = TrialLimits(EVERYTHING, plan, lambda: seen, EIGHT, Budget(epochs=9))
    assert limits(make_trial(9, stage="final")).seconds == PATIENCE * 100 * 5 * 9
    seen.append(make_trial(9, 45_000.0, stage="final"))  # 1,000 s an epoch of each fold
    assert limits(make_trial(2)).seconds == PATIENCE * 1000 * 2


def test_short_trials_have_time_for_what_is_no_training(stand_in, make_trial):
    assert limit_s(stand_in, make_trial(1), minutes=0.01) == LEAST_S


def test_user_has_the_last_word(stand_in, make_trial):
    workplace = Workplace(trial_hours=0.5, memory_mib=700)
    assert limit_s(stand_in, make_trial(9), minutes=1e6, workplace=workplace) == 1800
    plan = Plan(STAGES, None, None)
    limits = TrialLimits(workplace, plan, tuple, EIGHT, Budget(epochs=9))(make_trial(1))
    assert (limits.memory_mib, limits.batch_parts) == (700, 8)


def test_without_plan_and_history_there_is_no_limit(stand_in, make_trial):
    assert limit_s(stand_in, make_trial(1), minutes=None) is None
