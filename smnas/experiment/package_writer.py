"""The pieces of a front package that are written: values as JSON, pictures, scripts, hashes."""

import io
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from smnas.archive.header import RunHeader
from smnas.data.dataset import DetectionDataset
from smnas.data.picture import Picture
from smnas.detector.contract import Prediction
from smnas.experiment.briefing import own_version
from smnas.experiment.drawing import draw_prediction, enlarge
from smnas.experiment.judged import best_score
from smnas.experiment.kept_predictions import read_predictions
from smnas.experiment.package import (
    ARCH,
    CHECK,
    DETECTOR,
    FACTS,
    LABELS,
    METRICS,
    PIECES,
    REFERENCE,
    SCRIPT,
    TIMING,
    WEIGHTS,
    Environment,
    PackageFacts,
    Precision,
    Provenance,
    write_labels,
    write_metrics,
    write_pictures,
)
from smnas.experiment.package_readme import (
    LICENCE,
    PICTURE,
    README,
    render_licence,
    render_readme,
)
from smnas.experiment.run_folder import TRAINING_LOG, trial_folder
from smnas.measure import on_device, standalone
from smnas.measure.device_report import ReportedDetector, hash_file
from smnas.measure.protocol import describe_device, library_versions
from smnas.training.fit_log import FitLog
from smnas.trial.measurement import Measurement
from smnas.trial.trial import Trial

_LEAST_SIDE = 480
"""Of the picture in the README: smaller ones are enlarged so far, that labels can be read."""


@dataclass(frozen=True)
class Content:
    """What a package is written from; the weights and the exported file are in its folder.

    Attributes:
        run: The run folder.
        header: Its header.
        trial: The detector's.
        precision: Of the exported file.
        recommended: Whether the run recommends it.
        metrics: All numbers of the exported file.
        pictures: The first is the one that is timed.
        found: What the file finds in each of them.
        val: The validation pictures.
    """

    run: Path
    header: RunHeader
    trial: Trial
    precision: Precision
    recommended: bool
    metrics: tuple[Measurement, ...]
    pictures: list[Picture]
    found: list[Prediction]
    val: DetectionDataset


def write_package(folder: Path, content: Content) -> None:
    """Write all but the weights and the exported file, which are there.

    Raises:
        ArchiveError: The predictions of the trial are missing.
    """
    arch, categories = content.trial.proposal.arch, content.val.categories
    (folder / ARCH).write_text(arch.to_json() + "\n", encoding="utf-8")
    (folder / LABELS).write_bytes(write_labels(categories))
    (folder / METRICS).write_bytes(write_metrics(content.metrics))
    write_pictures(folder / CHECK, content.pictures, content.found)
    _write_scripts(folder, content)
    facts = _gather_facts(folder, content)
    (folder / FACTS).write_text(facts.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / PICTURE).write_bytes(_draw(content, facts.score))
    readme = render_readme(facts, categories, content.metrics)
    (folder / README).write_text(readme, encoding="utf-8")
    (folder / LICENCE).write_text(render_licence(facts), encoding="utf-8")


def _write_scripts(folder: Path, content: Content) -> None:
    """Copy what times the file on a device, and tell it what is there."""
    shutil.copyfile(on_device.__file__, folder / SCRIPT)
    shutil.copyfile(standalone.__file__, folder / TIMING)
    shutil.copyfile(standalone.REFERENCE, folder / REFERENCE)
    arch = content.trial.proposal.arch
    detector = ReportedDetector(
        trial=content.trial.number,
        arch=str(arch),
        arch_id=arch.arch_id,
        weights_sha256=hash_file(folder / WEIGHTS),
        accuracy=tuple(m for m in content.metrics if m.protocol.kind == "accuracy"),
    )
    task = {
        "format": on_device.TASK_FORMAT,
        "precision": content.precision,
        "files": {DETECTOR: hash_file(folder / DETECTOR)},
        "check": CHECK,
        "detector": detector.model_dump(mode="json"),
    }
    (folder / on_device.TASK).write_text(json.dumps(task, indent=1) + "\n", encoding="utf-8")


def _gather_facts(folder: Path, content: Content) -> PackageFacts:
    trial, header, arch = content.trial, content.header, content.trial.proposal.arch
    predictions = read_predictions(content.run, trial, content.val, "val")
    return PackageFacts(
        arch=str(arch),
        arch_id=arch.arch_id,
        precision=content.precision,
        recommended=content.recommended,
        score=best_score(content.val, predictions),
        pictures="data" if header.config.get("pictures", True) else "embedded",
        found_by=Provenance(
            trial=trial.number,
            seed=trial.proposal.seed,
            budget=trial.proposal.budget.model_dump(exclude_none=True),
            initial_weights=_initial_weights(content.run, trial),
            config=header.config,
            data_ids=header.data_ids,
        ),
        searched=Environment(
            date=header.created,
            machine=header.machine,
            smnas_version=header.smnas_version,
            versions=header.versions,
        ),
        packaged=Environment(
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            machine=describe_device("cpu"),
            smnas_version=own_version(),
            versions=library_versions(_LIBRARIES),
        ),
        files={name: hash_file(folder / name) for name in PIECES},
    )


_LIBRARIES = ("faster-coco-eval", "numpy", "onnx", "onnxruntime", "onnxscript", "torch")


def _initial_weights(run: Path, trial: Trial) -> str | None:
    """Return in words what the training began from, as its log says it; None: at random."""
    path = trial_folder(run, trial.number) / TRAINING_LOG
    if not path.is_file():
        return None
    report = FitLog.model_validate_json(path.read_bytes()).initial_weights
    return None if report is None else report.source


def _draw(content: Content, score: float) -> bytes:
    """Return as a JPEG the picture with the most to see, and what is found in it."""
    names = {item.id: item.name for item in content.val.categories}
    counts = [int((found.scores >= score).sum()) for found in content.found]
    most = counts.index(max(counts))
    found = content.found[most]
    picture, factor = enlarge(content.pictures[most], _LEAST_SIDE)
    detections = [
        {
            "box_xyxy": (box * factor).tolist(),
            "score": float(value),
            "category": names[int(label)],
            "category_id": int(label),
        }
        for box, value, label in zip(found.boxes_xyxy, found.scores, found.labels, strict=True)
        if value >= score
    ]
    buffer = io.BytesIO()
    draw_prediction(picture, detections).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
