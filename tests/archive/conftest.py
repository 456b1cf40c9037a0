from collections.abc import Callable
from pathlib import Path

import pytest

from smnas.arch import DetectorArch
from smnas.archive.header import RunHeader
from smnas.trial.budget import Budget
from smnas.trial.measurement import AccuracyProtocol, CountProtocol, Measurement
from smnas.trial.pruning import PruneRule
from smnas.trial.trial import Failure, Origin, Outcome, Proposal

ARCHS = (
    "160x160/basicblock_16_1-21-21-21/fpn-p2-p5-64/none/retina/norm=gn-ws",
    "320x224/bottleneck_8_11-2-12-1/fpn-p1-p4-32/rpn/rcnn/fc=64/norm=gn-ws/score=0.001",
)

PRUNING = PruneRule(
    larger=0, better=1, metric="macs_g", limit=0.1 + 0.2, merit="ap", bound=1 / 3, spared=True
)

MakeProposal = Callable[..., Proposal]


@pytest.fixture
def header() -> RunHeader:
    return RunHeader(
        smnas_version="0.1.0",
        created="2026-01-02T03:04:05+00:00",
        config={"seed": 3, "trials": 18, "recipe": {"batch": 16}},
        data_ids={"train": "aa", "val": "bb"},
        categories=("tree",),
        machine="two cores",
        notes=("12 pictures",),
        versions={"torch": "2"},
    )


@pytest.fixture
def make_proposal() -> MakeProposal:
    def make(index: int = 0, stage: int | str = 1) -> Proposal:
        return Proposal.model_validate(
            {
                "arch": DetectorArch.parse(ARCHS[index % len(ARCHS)]),
                "stage": stage,
                "origin": Origin(operator="sample", parent=index or None, group=None),
                "budget": Budget(epochs=1 + index, horizon_epochs=9 + index if index % 2 else None),
                "seed": 2**63 - 1 - index,
                "continues": 0 if index > 1 else None,
                "pruning": PRUNING if index % 2 else None,
            }
        )

    return make


def make_measurement(value: float, metric: str = "ap", split: str = "val") -> Measurement:
    protocol = AccuracyProtocol.model_validate(
        {
            "runtime": "torch-eager",
            "precision": "float32",
            "device": "two cores",
            "split": split,
            "data_id": "bb",
            "pictures": 12,
            "replicates": 100,
            "versions": {"torch": "2"},
        }
    )
    interval = (value / 3, value * 1.1)
    return Measurement(metric=metric, value=value, unit="1", interval=interval, protocol=protocol)


@pytest.fixture
def measured() -> Callable[..., Measurement]:
    return make_measurement


@pytest.fixture
def outcome() -> Outcome:
    return Outcome(
        measurements=(
            make_measurement(0.1 + 0.2),
            make_measurement(1 / 3, "ap50"),
            make_measurement(0.7).model_copy(update={"flag": "the machine was busy"}),
            Measurement(metric="macs_g", value=1e-9, unit="G", protocol=CountProtocol(rule="x")),
        ),
        weights="trials/0000/weights.safetensors",
        seconds=1 / 7,
    )


@pytest.fixture
def failed() -> Outcome:
    reason = "step 3 of 9: loss is nan\nβ=∞"
    return Outcome(failure=Failure(stage="training", reason=reason), seconds=2.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "run"
