"""Trials made from plain numbers."""

from collections.abc import Callable

import pytest

from smnas.arch import DetectorArch
from smnas.trial.budget import Budget
from smnas.trial.measurement import AccuracyProtocol, CountProtocol, Measurement
from smnas.trial.trial import Failure, Origin, Outcome, Proposal, Trial

MakeTrial = Callable[..., Trial]

ARCH = DetectorArch.parse("64x64/basicblock_8_1-1-1-1/fpn-p2-p4-16/none/retina")
VAL = AccuracyProtocol(
    runtime="none", precision="float32", device="none", split="val", data_id="0", pictures=1,
    replicates=0, versions={},
)  # fmt: skip


def _make_trial(
    number: int, *, epochs: int = 3, state: str = "done", split: str = "val", **values: float
) -> Trial:
    proposal = Proposal(
        arch=ARCH, stage=1, origin=Origin(operator="sample"), budget=Budget(epochs=epochs), seed=0
    )
    if state == "running":
        return Trial(number=number, proposal=proposal)
    if state == "failed":
        failure = Failure(stage="training", reason="loss is not finite")
        return Trial(number=number, proposal=proposal, outcome=Outcome(failure=failure))
    measurements = tuple(
        Measurement(
            metric=metric,
            value=value,
            unit="1",
            protocol=VAL.model_copy(update={"split": split})
            if metric == "ap"
            else CountProtocol(rule="given"),
        )
        for metric, value in values.items()
    )
    return Trial(number=number, proposal=proposal, outcome=Outcome(measurements=measurements))


@pytest.fixture(name="make_trial", scope="session")
def fixture_make_trial() -> MakeTrial:
    return _make_trial
