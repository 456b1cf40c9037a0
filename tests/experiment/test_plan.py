import pytest

from smnas.arch import DetectorArch
from smnas.experiment.plan import Plan, PlannedStage, _count_stages
from smnas.search.settings import SearchSettings
from smnas.trial.budget import Budget
from smnas.trial.measurement import CountProtocol, Measurement
from smnas.trial.trial import Failure, Origin, Outcome, Proposal, Stage, Trial


def make_settings(**changes) -> SearchSettings:
    fields = {
        "trials": 20,
        "finals": 5,
        "stage_one": Budget(epochs=4),
        "stage_two": Budget(epochs=5),
        "final": Budget(epochs=10),
        "seed": 0,
    }
    return SearchSettings.model_validate({**fields, **changes})


def make_trial(number: int, stage: Stage, epochs: int) -> Trial:
    proposal = Proposal(
        arch=DetectorArch.parse("retinanet-r18-quarter"),
        stage=stage,
        origin=Origin(operator="sample"),
        budget=Budget(epochs=epochs),
        seed=0,
    )
    failed = Outcome(failure=Failure(stage="training", reason="x"))
    return Trial(number=number, proposal=proposal, outcome=failed)


def test_trainings_are_those_of_the_settings():
    stages = _count_stages(make_settings(), lambda budget: 60.0)
    assert [(s.trainings, s.budget.epochs) for s in stages] == [
        (12, 4),
        (8, 5),
        (5, 10),
        (1, 4),
        (1, 10),
    ]


def test_hours_limit_the_candidates_that_fit():
    settings = make_settings(trials=1_000_000, seconds=1000.0)
    stages = _count_stages(settings, lambda budget: 10.0 * budget.epochs)
    assert [stage.trainings for stage in stages] == [15, 8, 5, 1, 1]


def test_finals_and_long_yardsticks_are_trained_once_for_each_fold():
    stages = _count_stages(make_settings(yardsticks=2), lambda budget: 60.0, folds=5)
    assert [stage.trainings for stage in stages] == [12, 8, 25, 1, 10]
    plan = Plan(stages, 10.0, 1.0)
    assert plan.sentences[0].startswith("56 trainings: stage one 12 x 4 epochs, ")
    assert "finals 25 x 10 epochs (5 folds), yardstick, short 1 x 4 epochs, " in plan.sentences[0]
    finals = [make_trial(number, "final", 10) for number in range(5)]
    assert [plan.trainings_in(trial) for trial in finals] == [5] * 5
    assert plan.trainings_in(make_trial(0, "yardstick", 4)) == 1
    assert plan.trainings_in(make_trial(0, 1, 10)) == 1
    whole = 12 * 4 + 8 * 5 + 25 * 10 + 4 + 10 * 10
    assert plan.done_share(finals) == pytest.approx(250 / whole)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.4, "about a minute"),
        (7.6, "about 8 minutes"),
        (90, "about 90 minutes"),
        (300, "5.0 hours"),
    ],
)
def test_plan_is_said_in_words(minutes, words):
    plan = Plan((PlannedStage("stage one", 12, Budget(epochs=1)),), minutes, 55.4)
    assert plan.sentences[0] == "12 trainings: stage one 12 x 1 epoch"
    assert words in plan.sentences[1]
    assert "55 MB" in plan.sentences[1]
    assert "estimated" in plan.sentences[1]


def test_plan_without_anything_to_time_says_so():
    plan = Plan((), None, None)
    assert "no estimate" in plan.sentences[1]
    assert plan.done_share([]) == 0.0


def test_what_was_not_trained_is_no_part_of_what_is_done():
    plan = Plan((PlannedStage("stage one", 2, Budget(epochs=3)),), None, None)
    arch = DetectorArch.parse("retinanet-r18-quarter")
    origin = Origin(operator="sample")
    proposal = Proposal(arch=arch, stage=1, origin=origin, budget=Budget(epochs=3), seed=0)
    count = Measurement(metric="params_m", value=7, unit="M", protocol=CountProtocol(rule="x"))
    failed = Outcome(failure=Failure(stage="training", reason="x"))
    refused = Outcome(measurements=(count,), failure=Failure(stage="constraint", reason="x"))
    trials = [
        Trial(number=i, proposal=proposal, outcome=outcome)
        for i, outcome in enumerate((failed, refused, None))
    ]
    assert plan.done_share(trials) == 0.5


def test_a_rung_counts_for_what_it_adds():
    plan = Plan((PlannedStage("stage one", 2, Budget(epochs=3)),), None, None)
    arch = DetectorArch.parse("retinanet-r18-quarter")
    origin = Origin(operator="sample")
    failed = Outcome(failure=Failure(stage="training", reason="x"))
    rungs = (Budget(epochs=1, horizon_epochs=3), None), (Budget(epochs=3), 0)
    trials = [
        Trial(
            number=i,
            proposal=Proposal(
                arch=arch, stage=1, origin=origin, budget=budget, seed=0, continues=continues
            ),
            outcome=failed,
        )
        for i, (budget, continues) in enumerate(rungs)
    ]
    assert plan.done_share(trials[:1]) == pytest.approx(1 / 6)
    assert plan.done_share(trials) == 0.5
