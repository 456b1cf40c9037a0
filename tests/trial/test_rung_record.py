"""The record of rungs, of chains of trainings made by hand."""

from collections.abc import Callable

import pytest

from smnas.arch import DetectorArch
from smnas.trial.budget import Budget
from smnas.trial.metrics import make_objective
from smnas.trial.rung_record import RungRecord, rung_records
from smnas.trial.trial import Trial

MakeTrial = Callable[..., Trial]
OBJECTIVES = (make_objective("ap"), make_objective("latency_ms"))
HEADS = ("none/retina", "rpn/rcnn")


@pytest.fixture
def run(make_trial: MakeTrial) -> Callable[..., list[Trial]]:
    """Trainings as (AP at the rung, AP at the top or None, ms, head)."""

    def make(rows: list[tuple[float, float | None, float, int]]) -> list[Trial]:
        trials: list[Trial] = []

        def add(ap: float, ms: float, head: int, budget: Budget, lower: int | None) -> int:
            trial = make_trial(len(trials), ap=ap, latency_ms=ms, macs_g=ms**2)
            arch = DetectorArch.parse(f"64x64/basicblock_8_1-1-1-1/fpn-p2-p4-16/{HEADS[head]}")
            changes = {"budget": budget, "continues": lower, "arch": arch}
            proposal = trial.proposal.model_copy(update=changes)
            trials.append(trial.model_copy(update={"proposal": proposal}))
            return trial.number

        for low, top, ms, head in rows:
            number = add(low, ms, head, Budget(epochs=1, horizon_epochs=3), None)
            if top is not None:
                add(top, ms, head, Budget(epochs=3), number)
        return trials

    return make


def only(trials: list[Trial], eta: int = 3) -> RungRecord:
    (record,) = rung_records(trials, OBJECTIVES, *OBJECTIVES, eta)
    return record


def test_the_order_of_those_that_went_up_is_compared(run: Callable[..., list[Trial]]) -> None:
    rows = [(0.1, 0.2, 5, 0), (0.2, 0.4, 6, 0), (0.3, 0.3, 7, 1), (0.05, None, 4, 1)]
    record = only(run([*rows, (0.4, 0.5, 8, 0)]))
    assert (record.trials, record.overall.pairs) == (5, 4)
    assert record.overall.tau == pytest.approx(4 / 6)  # five pairs of six in the same order
    assert {name: found.pairs for name, found in record.families.items()} == {
        "rcnn": 1,
        "retina": 3,
    }
    assert record.families["retina"].tau == pytest.approx(1.0)
    assert record.families["rcnn"].tau is None


def test_beyond_size_only_what_multiply_adds_do_not_explain_counts(
    run: Callable[..., list[Trial]],
) -> None:
    """Both follow size alone, but for shares that are in opposite order."""
    own = (0.01, -0.02, 0.015, -0.005)
    rows = [(0.1 * at + off, 0.2 * at - off, 2.0**at, 0) for at, off in enumerate(own, start=1)]
    record = only(run(rows))
    assert record.overall.tau == pytest.approx(1.0)
    assert record.beyond_macs.tau == pytest.approx(-1.0)


def test_a_member_that_the_rung_held_behind_is_dropped(run: Callable[..., list[Trial]]) -> None:
    """In one bin of cost: of six trials at the rung two would go up, and the best was the last."""
    rows = [(0.6 - 0.05 * at, 0.5, 6.0 + 0.01 * at, 0) for at in range(5)]
    late = (0.1, 0.9, 6.1, 0)
    record = only(run([*rows, late]))
    assert (record.front, record.dropped) == (2, 1)  # the fastest and the late one
    assert only(run([*rows, (0.7, 0.9, 6.1, 0)])).dropped == 0
    # Of its own size it is the best, whatever the others do.
    assert only(run([*rows, (0.1, 0.9, 9.0, 0)])).dropped == 0


def test_without_rungs_there_is_no_record(make_trial: MakeTrial) -> None:
    trials = [make_trial(n, ap=0.1 * n, latency_ms=5.0) for n in range(4)]
    assert rung_records(trials, OBJECTIVES, *OBJECTIVES, 3) == []
