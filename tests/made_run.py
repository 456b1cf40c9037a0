"""A finished run of tiny detectors on pictures of its own, made by hand, for tests of packages."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from smnas.arch import DetectorArch
from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.data.sources import DataSpec, load_splits
from smnas.detector.build import build_detector
from smnas.experiment.package import read_package
from smnas.measure.accuracy import measure_accuracy
from smnas.measure.cost import count_cost
from smnas.measure.latency import measure_latency
from smnas.measure.predictions import predictions_to_json
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.budget import Budget
from smnas.trial.measurement import Measurement
from smnas.trial.trial import Origin, Outcome, Proposal, Stage

TINY = "64x64/basicblock_8_1-2-1-1/fpn-p2-p4-8/none/retina/anchor-scale=3/convs=1/score=0"
FRONT, BEATEN, YARDSTICK = 1, 2, 3
"""Trials of the run: its only member of the front, a final that is not on it, the yardstick."""


def make_run(folder: Path, **config: Any) -> Path:
    """Write a run folder, its data beside it, and return it."""
    source = write_data(folder.parent / "data")
    settings = {"data": {"source": str(source)}, "seed": 0, "runtime": "torch-eager", **config}
    splits = load_splits(DataSpec(source=str(source)), 0)
    arch = DetectorArch.parse(TINY)
    trained = TrainedDetector(build_detector(arch, 2, seed=0), splits.val.categories)
    result = measure_accuracy(trained, splits.val, "val", "cpu", replicates=50)
    latency = measure_latency(trained, splits.val.read(0)[0], "cpu")
    header = RunHeader(
        smnas_version="0.1.0",
        created="2026-01-02T03:04:05+00:00",
        config=settings,
        data_ids={"train": splits.train.data_id, "val": splits.val.data_id},
        categories=("cat", "dog"),
        machine="some machine",
        versions={"torch": "2.9"},
    )
    archive = Archive.create(folder, header)
    for number, factor in enumerate((1.0, 1.0, 2.0, 3.0)):  # by which the time is changed
        measured = (*result.measurements, slower(latency, factor), *count_cost(arch, 2))
        add_trial(archive, number, arch, measured)
        trial = folder / "trials" / f"{number:04d}"
        trained.save(trial / "weights.safetensors")
        (trial / "val.json").write_text(predictions_to_json(splits.val, result.predictions))
    archive.close()
    return folder


def make_exported(run: Path, package: Path, folder: Path) -> Path:
    """Write the run as one that makes files would have left it, and return its folder."""
    shutil.copytree(run / "trials", folder / "trials")
    before = Archive.open(run)
    header = before.header
    config = header.config | {"runtime": "onnxruntime"}
    archive = Archive.create(folder, header.model_copy(update={"config": config}))
    metrics = read_package(package).metrics
    for trial, factor in zip(before.trials(), (1.0, 1.0, 2.0, 3.0), strict=True):
        measured = [slower(m, factor) if m.metric == "latency_ms" else m for m in metrics]
        add_trial(archive, trial.number, trial.proposal.arch, measured)
        shutil.copy(package / "detector.onnx", folder / "trials" / f"{trial.number:04d}")
    before.close()
    archive.close()
    return folder


def add_trial(
    archive: Archive, number: int, arch: DetectorArch, measured: Sequence[Measurement]
) -> None:
    """Record a candidate as the first, then two finals, then the yardstick."""
    stages: tuple[Stage, ...] = (1, "final", "final", "yardstick")
    stage = stages[number]
    proposal = Proposal(
        arch=arch,
        stage=stage,
        origin=Origin(operator="sample" if stage == 1 else str(stage)),
        budget=Budget(epochs=2 if stage == 1 else 6),
        seed=number,
    )
    archive.start(proposal)
    weights = f"trials/{number:04d}/weights.safetensors"
    archive.record(number, Outcome(measurements=tuple(measured), weights=weights, seconds=1.0))


def slower(latency: Measurement, factor: float) -> Measurement:
    interval = (0.9 * factor * latency.value, 1.1 * factor * latency.value)
    return latency.model_copy(update={"value": factor * latency.value, "interval": interval})


def write_data(folder: Path) -> Path:
    """Write a COCO file of twenty pictures with one bright object each, of two classes."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images: list[dict[str, object]] = []
    boxes: list[dict[str, object]] = []
    for number in range(20):
        picture = rng.integers(0, 90, (64, 80, 3), dtype=np.uint8)
        left, top = (int(edge) for edge in rng.integers(4, 36, 2))
        picture[top : top + 20, left : left + 20] = 230
        Image.fromarray(picture).save(folder / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 80, "height": 64})
        row = {"id": number, "image_id": number, "category_id": (3, 7)[number % 2]}
        boxes.append(row | {"bbox": [left, top, 20, 20], "area": 400, "iscrowd": 0})
    categories = [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}]
    content = {"images": images, "annotations": boxes, "categories": categories}
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path
