"""Trials made by hand, and a run folder that holds them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from smnas.arch import DetectorArch
from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.trial.budget import Budget
from smnas.trial.measurement import (
    AccuracyProtocol,
    CountProtocol,
    LatencyProtocol,
    Measurement,
    Split,
)
from smnas.trial.trial import Failure, Origin, Outcome, Proposal, Stage, Trial

VERSIONS = {"torch": "2.9.0"}
ARCHS = (
    "160x160/basicblock_16_1-21-21-21/fpn-p2-p5-64/none/retina",
    "192x192/basicblock_16_11-21-21-21/fpn-p2-p5-64/none/retina",
    "160x160/basicblock_24_1-21-21-21/fpn-p2-p5-64/rpn/rcnn/fc=256",
    "224x224/bottleneck_16_11-211-211-21/fpn-p2-p5-64/rpn/rcnn/fc=256",
)
YARDSTICK = "retinanet-r18-quarter"


def accuracy(metric: str, value: float, split: Split = "val") -> Measurement:
    protocol = AccuracyProtocol(
        runtime="torch-eager",
        precision="float32",
        device="two cores",
        split=split,
        data_id="d" * 12,
        pictures=12,
        replicates=200,
        versions=VERSIONS,
    )
    interval = (value - 0.05, value + 0.05)
    return Measurement(metric=metric, value=value, unit="1", interval=interval, protocol=protocol)


def latency(value: float) -> Measurement:
    protocol = LatencyProtocol(
        runtime="torch-eager",
        precision="float32",
        device="two cores",
        batch=1,
        threads=2,
        warmup=5,
        repeats=30,
        versions=VERSIONS,
    )
    interval = (0.97 * value, 1.03 * value)
    return Measurement(
        metric="latency_ms", value=value, unit="ms", interval=interval, protocol=protocol
    )


def count(metric: str, value: float, unit: str) -> Measurement:
    protocol = CountProtocol(rule="multiply-adds at batch 1 on the padded input")
    return Measurement(metric=metric, value=value, unit=unit, protocol=protocol)


def made_trial(
    number: int,
    stage: Stage,
    ap: float | None = None,
    ms: float = 5.0,
    *,
    arch: str = "",
    epochs: int | None = None,
    parent: int | None = None,
    test: bool | None = None,
    running: bool = False,
) -> Trial:
    """A trial; without an AP one that failed. Finals hold test numbers unless told otherwise."""
    long = stage in ("final", "yardstick")
    text = arch or (YARDSTICK if stage == "yardstick" else ARCHS[number % len(ARCHS)])
    proposal = Proposal(
        arch=DetectorArch.parse(text),
        stage=stage,
        origin=Origin(operator=stage if isinstance(stage, str) else "sample", parent=parent),
        budget=Budget(epochs=epochs or (12 if long else 3)),
        seed=number,
    )
    if running:
        return Trial(number=number, proposal=proposal)
    if ap is None:
        failure = Failure(stage="training", reason="the loss is not finite after 12 steps")
        return Trial(number=number, proposal=proposal, outcome=Outcome(failure=failure, seconds=3))
    outcome = Outcome(
        measurements=(
            accuracy("ap", ap),
            accuracy("ap50", min(1.0, 2 * ap)),
            latency(ms),
            count("macs_g", 0.05 * ms, "G"),
            count("params_m", 0.1 * ms, "M"),
        ),
        weights=f"trials/{number:04d}/weights.safetensors",
        seconds=20.0,
    )
    with_test = long if test is None else test
    later = (accuracy("ap", 0.9 * ap, "test"), accuracy("ap50", 1.8 * ap, "test"))
    return Trial(
        number=number, proposal=proposal, outcome=outcome, later=later if with_test else ()
    )


def refused_trial(number: int) -> Trial:
    """A candidate that broke a constraint: counted, not trained."""
    running = made_trial(number, 1, running=True)
    failure = Failure(stage="constraint", reason="params_m is 7, expected params_m <= 5")
    outcome = Outcome(measurements=(count("params_m", 7.0, "M"),), failure=failure, seconds=1.0)
    return running.model_copy(update={"outcome": outcome})


@pytest.fixture
def make_refused() -> Callable[[int], Trial]:
    return refused_trial


@pytest.fixture
def make_accuracy() -> Callable[..., Measurement]:
    return accuracy


@pytest.fixture
def make_trial() -> Callable[..., Trial]:
    return made_trial


@pytest.fixture
def finished_trials() -> list[Trial]:
    """Six candidates of which one failed, the yardstick, and finals of which one is dominated."""
    return [
        made_trial(0, 1, 0.10, 2.0),
        made_trial(1, 1, 0.16, 5.0),
        made_trial(2, 1, None),
        made_trial(3, 1, 0.08, 9.0),
        made_trial(4, 2, 0.17, 4.0),
        made_trial(5, 2, 0.20, 8.0),
        made_trial(6, "final", 0.200, 2.0, parent=0, arch=ARCHS[0]),
        made_trial(7, "final", 0.300, 4.0, parent=4, arch=ARCHS[2]),
        made_trial(8, "final", 0.310, 8.0, parent=5, arch=ARCHS[1]),
        made_trial(9, "final", 0.250, 9.0, parent=3, arch=ARCHS[3]),
        made_trial(10, "yardstick", 0.280, 6.0),
    ]


@pytest.fixture
def header() -> RunHeader:
    return RunHeader(
        smnas_version="0.1.0",
        created="2026-01-02T03:04:05Z",
        config={"seed": 7, "data": {"source": "trees"}, "search": {"trials": 6}},
        data_ids={"train": "a" * 12, "val": "b" * 12},
        categories=("tree",),
        machine="two cores of a test machine",
        notes=("12 pictures to validate on: differences below 3.0 AP mean nothing.",),
        versions=VERSIONS,
    )


@pytest.fixture
def run_folder(tmp_path: Path, finished_trials: list[Trial], header: RunHeader) -> Path:
    """A finished run on disk: archive, weights, and four pictures of two detectors."""
    folder = tmp_path / "run"
    archive = Archive.create(folder, header)
    for trial in finished_trials:
        archive.start(trial.proposal)
        if trial.outcome is None:
            continue
        if trial.outcome.weights:
            weights = folder / trial.outcome.weights
            weights.parent.mkdir(parents=True)
            weights.write_bytes(b"weights")
        archive.record(trial.number, trial.outcome)
        if trial.later:
            archive.add(trial.number, trial.later)
    archive.close()
    write_pictures(folder, numbers=(7, 10))
    return folder


def write_pictures(folder: Path, numbers: tuple[int, ...]) -> None:
    index: dict[str, list[dict[str, object]]] = {}
    for number in numbers:
        entries = index.setdefault(str(number), [])
        for position in range(4):
            file = f"{number:04d}-{position}.png"
            (folder / "pictures").mkdir(exist_ok=True)
            Image.new("RGB", (32, 24), (40 * position, 90, 60)).save(folder / "pictures" / file)
            entries.append(
                {
                    "file": file,
                    "picture": f"scene-{position}.jpg",
                    "split": "test",
                    "score": 0.37,
                    "hits": position,
                    "misses": 1,
                    "false_alarms": 2,
                }
            )
    (folder / "pictures" / "index.json").write_text(json.dumps(index))
