"""The rule against a reading of it word by word, over generated trials."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.arch import DetectorArch
from smnas.search.partial_order_pruning import PartialOrder
from smnas.space.partial_order import precedes
from smnas.trial.budget import Budget
from smnas.trial.front import Objective
from smnas.trial.measurement import CountProtocol, Measurement
from smnas.trial.trial import Failure, Origin, Outcome, Proposal, Trial

TIE = 0.015
MERIT = Objective(metric="ap", maximise=True, tie=TIE)
COST = Objective(metric="macs_g", maximise=False, log=True)
ARCHS = [
    DetectorArch.parse(f"96x64/{block}_{base}_{code}/fpn-p1-p4-{neck}/none/retina/norm=gn-ws")
    for block in ("basicblock", "bottleneck")
    for base in (8, 16)
    for code in ("1-2-2-1", "1-2-21-1", "11-2-21-1", "2-1-2-1", "1-2-2-11")
    for neck in (32, 48)
]
# Few different values, so that equal ones and differences of exactly the tie width come up.
APS = st.sampled_from([0.1, 0.11, 0.12, 0.125, 0.14, 0.2])
MACS = st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.9])
TRAINED = st.lists(st.tuples(st.sampled_from(ARCHS), APS, MACS, st.booleans()), max_size=12)


def _trial(number, arch, ap, macs_g, failed=False):
    proposal = Proposal(
        arch=arch, stage=2, origin=Origin(operator="sample"), budget=Budget(epochs=3), seed=0
    )
    if failed:
        outcome = Outcome(failure=Failure(stage="training", reason="loss is not finite"))
    else:
        rule = CountProtocol(rule="given")
        outcome = Outcome(
            measurements=(
                Measurement(metric="ap", value=ap, unit="1", protocol=rule),
                Measurement(metric="macs_g", value=macs_g, unit="G", protocol=rule),
            )
        )
    return Trial(number=number, proposal=proposal, outcome=outcome)


def _pruned_by_the_letter(m, macs_of_m, trials):
    """Whether there are a w after m, and a y_w that is the cheapest of the more accurate ones."""
    for w in trials:
        if not precedes(m, w.proposal.arch):
            continue
        better = [y for y in trials if y.value("ap") >= w.value("ap") + TIE]
        if better and macs_of_m >= min(y.value("macs_g") for y in better):
            return True
    return False


@given(trained=TRAINED, candidate=st.sampled_from(ARCHS), macs_g=MACS)
@settings(max_examples=400, deadline=None)
def test_it_prunes_what_the_rule_says_and_nothing_else(trained, candidate, macs_g):
    trials = [_trial(number, *row) for number, row in enumerate(trained)]
    order = PartialOrder(MERIT, COST)
    for trial in trials:
        order.add(trial)
    finished = [trial for trial in trials if trial.succeeded]
    rule = order.rule_for(candidate)
    cost = Measurement(
        metric="macs_g", value=macs_g, unit="G", protocol=CountProtocol(rule="given")
    )
    ours = rule is not None and rule.prunes([cost])
    assert ours == _pruned_by_the_letter(candidate, macs_g, finished)
    if rule is not None:
        larger, better = trials[rule.larger], trials[rule.better]
        assert precedes(candidate, larger.proposal.arch)
        assert better.value("ap") >= larger.value("ap") + TIE
        assert (rule.limit, rule.bound) == (better.value("macs_g"), better.value("ap"))


def test_the_order_in_which_trials_finish_changes_nothing():
    rows = [(ARCHS[i], 0.1 + 0.01 * (i % 5), 0.1 * (1 + i % 3)) for i in range(len(ARCHS))]
    trials = [_trial(number, *row) for number, row in enumerate(rows)]
    forward, backward = PartialOrder(MERIT, COST), PartialOrder(MERIT, COST)
    for trial in trials:
        forward.add(trial)
    for trial in reversed(trials):
        backward.add(trial)
    rules = [forward.rule_for(arch) for arch in ARCHS]
    assert rules == [backward.rule_for(arch) for arch in ARCHS]
    assert any(rules)


@pytest.mark.parametrize("spared", [False, True])
def test_a_spared_proposal_is_trained_all_the_same(spared):
    order = PartialOrder(MERIT, COST)
    order.add(_trial(0, ARCHS[8], 0.10, 0.9))
    order.add(_trial(1, ARCHS[0], 0.20, 0.1))
    small = next(arch for arch in ARCHS if precedes(arch, ARCHS[8]))
    rule = order.rule_for(small).model_copy(update={"spared": spared})
    cost = Measurement(metric="macs_g", value=0.1, unit="G", protocol=CountProtocol(rule="given"))
    assert rule.applies([cost])
    assert rule.prunes([cost]) is not spared
    assert "trial 0" in rule.reason
    assert "trial 1" in rule.reason
