"""A run folder, weights and a small data set, made by hand; and a way to call the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from smnas.arch import DetectorArch
from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.cli.main import make_app
from smnas.data.dataset import Category
from smnas.detector.build import build_detector
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.budget import Budget
from smnas.trial.measurement import AccuracyProtocol, CountProtocol, LatencyProtocol, Measurement
from smnas.trial.trial import Failure, Origin, Outcome, Proposal, Stage, Trial

TINY = "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-8/none/retina/anchor-scale=3/convs=1"
Call = Callable[..., Result]


@pytest.fixture
def call() -> Call:
    """Run one call in this process; the result holds exit code, stdout and stderr."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(make_app(), [str(argument) for argument in arguments])

    return run


def measurements(ap: float, ms: float) -> tuple[Measurement, ...]:
    accuracy = {
        split: AccuracyProtocol(
            runtime="torch-eager",
            precision="float32",
            device="two cores",
            split=split,
            data_id="d" * 12,
            pictures=12,
            replicates=200,
            versions={},
        )
        for split in ("val", "test")
    }
    time = LatencyProtocol(
        runtime="torch-eager",
        precision="float32",
        device="two cores",
        batch=1,
        threads=2,
        warmup=5,
        repeats=30,
        versions={},
    )
    return (
        *(
            Measurement(
                metric=metric,
                value=factor * ap,
                unit="1",
                interval=(factor * ap - 0.02, factor * ap + 0.02),
                protocol=accuracy[split],
            )
            for metric, factor in (("ap", 1.0), ("ap50", 2.0))
            for split in ("val", "test")
        ),
        Measurement(
            metric="latency_ms", value=ms, unit="ms", interval=(0.9 * ms, 1.1 * ms), protocol=time
        ),
        Measurement(metric="macs_g", value=0.1, unit="G", protocol=CountProtocol(rule="counted")),
    )


def made_trial(number: int, stage: Stage, ap: float | None = None, ms: float = 5.0) -> Trial:
    """A trial; without an AP one that failed."""
    proposal = Proposal(
        arch=DetectorArch.parse(TINY),
        stage=stage,
        origin=Origin(operator="sample"),
        budget=Budget(epochs=3 if stage in (1, 2) else 9),
        seed=0,
    )
    if ap is None:
        failure = Failure(stage="training", reason="loss [red]not finite[/red]")
        return Trial(number=number, proposal=proposal, outcome=Outcome(failure=failure))
    outcome = Outcome(
        measurements=measurements(ap, ms), weights=f"trials/{number:04d}/weights.safetensors"
    )
    return Trial(number=number, proposal=proposal, outcome=outcome)


@pytest.fixture
def make_trial() -> Callable[..., Trial]:
    return made_trial


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained detector that finds something."""
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    arch = DetectorArch.parse(TINY + "/score=0")
    categories = (Category(3, "cat"), Category(7, "dog"))
    TrainedDetector(build_detector(arch, 2, seed=0).eval(), categories).save(path)
    return path


@pytest.fixture
def run_folder(tmp_path: Path, weights: Path) -> Path:
    """A finished run: two finals of which the second is recommended, and the yardstick."""
    folder = tmp_path / "run"
    header = RunHeader(
        smnas_version="0.1.0",
        created="2026-01-02T03:04:05Z",
        config={"data": {"source": "trees"}},
        data_ids={"train": "a", "val": "b"},
    )
    trials = (made_trial(0, 1, 0.2), made_trial(1, "final", 0.31, 8.0))
    trials += (made_trial(2, "final", 0.30, 4.0), made_trial(3, "yardstick", 0.2, 6.0))
    archive = Archive.create(folder, header)
    for trial in trials:
        assert trial.outcome is not None
        assert trial.outcome.weights is not None
        archive.start(trial.proposal)
        (folder / trial.outcome.weights).parent.mkdir(parents=True)
        (folder / trial.outcome.weights).write_bytes(weights.read_bytes())
        archive.record(trial.number, trial.outcome)
    archive.close()
    return folder


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    """A COCO file of twelve pictures with one bright object each, of two classes."""
    rng = np.random.default_rng(0)
    images: list[dict[str, object]] = []
    boxes: list[dict[str, object]] = []
    for number in range(12):
        picture = rng.integers(0, 90, (64, 64, 3), dtype=np.uint8)
        left, top = (int(edge) for edge in rng.integers(4, 36, 2))
        picture[top : top + 20, left : left + 20] = 230
        name = f"{number}.png"
        Image.fromarray(picture).save(tmp_path / name)
        images.append({"id": number, "file_name": name, "width": 64, "height": 64})
        box = [left, top, 20, 20]
        boxes.append(
            {
                "id": number,
                "image_id": number,
                "category_id": (3, 7)[number % 2],
                "bbox": box,
                "area": 400,
                "iscrowd": 0,
            }
        )
    content = {
        "images": images,
        "annotations": boxes,
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
    }
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(content))
    return path
