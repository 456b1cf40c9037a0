"""What the record of pruning counts, and when the rule is no longer trusted."""

import pytest

from smnas.trial.pruning import PruneRule
from smnas.trial.pruning_record import pruning_record
from smnas.trial.trial import Failure, Outcome, Trial

RULE = PruneRule(larger=0, better=1, metric="macs_g", limit=0.5, merit="ap", bound=0.3)


@pytest.fixture(name="make")
def fixture_make(make_trial):
    def make(number, *, spared=False, pruned=False, ap=0.2, macs_g=0.5):
        trial = make_trial(number, ap=ap, macs_g=macs_g)
        rule = RULE.model_copy(update={"spared": spared})
        proposal = trial.proposal.model_copy(update={"pruning": rule})
        outcome = trial.outcome
        if pruned:
            failure = Failure(stage="pruning", reason=rule.reason)
            outcome = Outcome(measurements=outcome.measurements[1:], failure=failure)
        return Trial(number=number, proposal=proposal, outcome=outcome)

    return make


def test_it_counts_what_was_saved_spared_and_wrong(make, make_trial):
    trials = [
        make_trial(0, ap=0.9, macs_g=0.9),  # no rule
        make(1, pruned=True),
        make(2, pruned=True),
        make(3, ap=0.9, macs_g=0.4),  # cheaper than the limit: the rule does not speak of it
        make(4, spared=True, ap=0.9, macs_g=0.4),
        make(5, spared=True, ap=0.3),  # as good as allowed
        make(6, spared=True, ap=0.31),
        make(7, spared=True).model_copy(update={"outcome": None}),
    ]
    record = pruning_record(trials)
    assert (record.pruned, record.spared, record.wrong) == (2, 2, 1)
    assert record.error_rate == 0.5
    assert not record.is_trusted
    assert record.sentence == (
        "Partial order pruning saved 2 trainings; of 2 trained all the same, 1 proved it wrong, "
        "more than 10%, so it was switched off."
    )


@pytest.mark.parametrize(("right", "wrong", "trusted"), [(0, 0, True), (9, 1, True), (8, 1, False)])
def test_more_than_a_tenth_wrong_ends_the_trust(make, right, wrong, trusted):
    trials = [make(i, spared=True, ap=0.2) for i in range(right)]
    trials += [make(50 + i, spared=True, ap=0.4) for i in range(wrong)]
    record = pruning_record(trials)
    assert record.is_trusted is trusted
    assert ("switched off" in record.sentence) is not trusted


def test_a_pruned_trial_is_refused_and_has_not_failed(make):
    trial = make(1, pruned=True)
    assert (trial.pruned, trial.refused, trial.failed, trial.succeeded) == (
        True,
        True,
        False,
        False,
    )
    assert Trial.model_validate_json(trial.model_dump_json()) == trial
