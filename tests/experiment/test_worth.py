"""What is known before a training, and what it decides."""

import pytest

from smnas.arch import DetectorArch
from smnas.experiment.worth import NotWorthTrainingError, Worth
from smnas.trial.budget import Budget
from smnas.trial.constraint import Constraint
from smnas.trial.measurement import CountProtocol, Measurement
from smnas.trial.pruning import PruneRule
from smnas.trial.trial import Origin, Proposal

ARCH = DetectorArch.parse("32x32/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina")
RULE = PruneRule(larger=1, better=2, metric="latency_ms", limit=20.0, merit="ap", bound=0.5)
LIMIT = (Constraint.parse("latency_ms <= 20"),)


def proposal(**changes):
    told = {
        "arch": ARCH,
        "stage": 1,
        "origin": Origin(operator="sample"),
        "budget": Budget(epochs=1),
        "seed": 0,
    }
    return Proposal(**{**told, **changes})


def number(metric, value, interval=None):
    return Measurement(
        metric=metric,
        value=value,
        unit="1",
        interval=interval,
        protocol=CountProtocol(rule="given"),
    )


COUNTED = (number("macs_g", 1.0),)
SLOW = (number("latency_ms_predicted", 25.0, (21.0, 30.0)),)
PERHAPS = (number("latency_ms_predicted", 25.0, (19.0, 33.0)),)


@pytest.mark.parametrize(
    ("constraints", "rule", "stage"), [(LIMIT, None, "constraint"), ((), RULE, "pruning")]
)
def test_a_prediction_decides_only_where_it_is_sure(constraints, rule, stage):
    worth = Worth(constraints, proposal(pruning=rule))
    worth.require_likely(PERHAPS, COUNTED)
    worth.require_likely((), COUNTED)
    with pytest.raises(NotWorthTrainingError, match="latency_ms_predicted is 25") as caught:
        worth.require_likely(SLOW, COUNTED)
    assert caught.value.stage == stage
    assert caught.value.measurements == COUNTED + SLOW


def test_what_is_measured_decides_and_no_prediction_does_so_in_its_place():
    worth = Worth(LIMIT, proposal())
    worth.require((*COUNTED, *SLOW))
    with pytest.raises(NotWorthTrainingError, match="expected latency_ms <= 20"):
        worth.require((number("latency_ms", 20.5),))


def test_what_is_spared_is_not_pruned_by_a_prediction():
    Worth((), proposal(pruning=RULE.model_copy(update={"spared": True}))).require_likely(SLOW, ())


@pytest.mark.parametrize("changes", [{"stage": "final"}, {"stage": "yardstick"}, {"continues": 0}])
def test_nothing_is_asked_of_what_is_trained_in_any_case(changes):
    assert Worth(LIMIT, proposal(**changes)).asked == set()
    assert Worth(LIMIT, proposal(pruning=RULE)).asked == {"latency_ms"}
