"""Time the ONNX files of this folder on this device. Needs NumPy and onnxruntime alone.

    python measure.py --threads 1

Copy the whole folder to the device and run it there. ``measure.json`` beside this file says what is
timed; the report, ``device-report.json``, goes back to ``smnas retarget``, or where the files are
blocks of detectors to ``smnas search --latency-from``. Where the folder holds pictures with their
detections, the device must find the same: the accuracy that was measured elsewhere says nothing of
it otherwise.

This file and ``standalone.py`` are copied into such folders, this one as ``measure.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

if __package__:
    from smnas.measure.standalone import Effort, Task, TimingError, describe_cpu, measure
else:  # a copy, with the copy of the other file beside it, also where Python does not look there
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from standalone import Effort, Task, TimingError, describe_cpu, measure

REPORT = "device-report.json"
TASK = "measure.json"
TASK_FORMAT = "smnas-measure-1"
REPORT_FORMAT = "smnas-device-report-1"
# A detection is a stored one where all edges and the score are as near as this; see the parity gate
# of smnas.export, whose limits these are.
MIN_SCORE, MOST_PIXELS, MOST_SCORE, LEAST_PARTNERED = 0.05, 0.5, 1e-3, 0.99
AT_ONCE = 16  # files that a process times in turns

Arrays = Sequence[Any]


class DeviceError(Exception):
    """Says why nothing can be measured."""


def make_report(folder: Path, threads: int, effort: Effort) -> dict[str, Any]:
    """Return the report on the files of a folder, as ``smnas.measure.device_report`` reads it.

    Raises:
        DeviceError: A file is missing or was changed, or does not run.
    """
    task = read_task(folder)
    with tempfile.TemporaryDirectory() as passing:
        pictures, picture = [], None
        if task["check"] is not None:
            pictures = read_pictures(folder / task["check"])
            picture = str(Path(passing) / "picture.npy")
            np.save(picture, pictures[0][0])
        elif task.get("about") is not None:  # whole detectors look at noise of the pictures' size
            picture = str(Path(passing) / "picture.npy")
            shape = (*task["about"]["picture"], 3)
            np.save(picture, np.random.default_rng(0).integers(0, 256, shape, np.uint8))
        check = check_detections(folder / next(iter(task["files"])), pictures, threads)
        timings, runtime = _time(folder, task["files"], picture, threads, effort)
    protocol = {
        "runtime": "onnxruntime",
        "precision": task["precision"],
        "device": describe_cpu(),
        "batch": 1,
        "threads": threads,
        "warmup": effort.max_warmup,
        "repeats": effort.max_repeats,
        "fresh_processes": True,
        "at_usual_pace": True,
        "versions": {name: runtime[name] for name in ("numpy", "onnxruntime", "python")},
    }
    return {
        "format": REPORT_FORMAT,
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017
        "system": platform.platform(),
        "protocol": protocol,
        "timings": timings,
        "detector": task["detector"],
        "check": check,
        **({"about": task["about"]} if task.get("about") is not None else {}),
    }


def read_task(folder: Path) -> dict[str, Any]:
    """Return what ``measure.json`` asks for, after comparing the files with their hashes."""
    path = folder / TASK
    try:
        task = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not isinstance(task, dict) or task.get("format") != TASK_FORMAT:
        raise DeviceError(f"{path}: expected the format {TASK_FORMAT}; smnas writes such folders")
    for name, digest in task["files"].items():
        file = folder / name
        if not file.is_file():
            raise DeviceError(f"{file}: is missing; copy the whole folder again")
        if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise DeviceError(f"{file}: was changed or is not whole; copy the whole folder again")
    return task


def read_pictures(file: Path) -> list[tuple[Any, Arrays]]:
    """Return pictures, uint8 [H, W, 3], each with its stored boxes, scores and labels."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            count = sum(name.startswith("picture_") for name in stored.files)
            kinds = ("picture", "boxes", "scores", "labels")
            rows = [[stored[f"{kind}_{index}"] for kind in kinds] for index in range(count)]
    except (OSError, ValueError, KeyError) as error:
        raise DeviceError(
            f"{file}: cannot be read ({error}); copy the whole folder again"
        ) from None
    if not rows:
        raise DeviceError(f"{file}: holds no picture; copy the whole folder again")
    return [(picture, found) for picture, *found in rows]


def _unreadable(path: Path, error: Exception) -> DeviceError:
    return DeviceError(f"{path}: cannot be read ({error}); copy the whole folder again")


def check_detections(
    file: Path, pictures: Sequence[tuple[Any, Arrays]], threads: int
) -> dict[str, Any] | None:
    """Compare what a file finds in pictures with what is stored; None where there are none."""
    if not pictures:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    detections = partnered = 0
    for picture, stored in pictures:
        found: Any = session.run(["boxes_xyxy", "scores", "labels"], {"picture": picture})
        partnered += count_partners(stored, found) + count_partners(found, stored)
        detections += sum(int((side[1] > MIN_SCORE).sum()) for side in (stored, found))
    return {
        "pictures": len(pictures),
        "detections": detections,
        "partnered": partnered,
        "hold": partnered >= LEAST_PARTNERED * detections,
    }


def count_partners(one: Arrays, other: Arrays) -> int:
    """Return how many detections of ``one`` have a partner in ``other``, each taken once."""
    free = np.ones(len(other[1]), dtype=bool)
    count = 0
    for box, score, label in zip(*one, strict=True):
        if score <= MIN_SCORE:
            continue
        apart = np.abs(other[0] - box).max(axis=1, initial=0.0)
        fits = free & (other[2] == label) & (apart <= MOST_PIXELS)
        fits &= np.abs(other[1] - score) <= MOST_SCORE
        if fits.any():
            free[np.where(fits, apart, np.inf).argmin()] = False
            count += 1
    return count


def _time(
    folder: Path, files: dict[str, str], picture: str | None, threads: int, effort: Effort
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the times of files, and versions as the processes found them."""
    timings: list[dict[str, Any]] = []
    runtime: dict[str, str] = {}
    names = list(files)
    for start in range(0, len(names), AT_ONCE):
        if start:
            sys.stderr.write(f"{start} of {len(names)} files are timed\n")
        group = names[start : start + AT_ONCE]
        task = Task([str(folder / name) for name in group], picture, threads, effort)
        found, runs = measure(task)
        runtime = runs[0].runtime
        for name, item in zip(group, found, strict=True):
            kept = asdict(item)
            kept.pop("medians_ms")
            timings.append({"file": name, "sha256": files[name], **kept})
    return timings, runtime


def _tell(report: dict[str, Any], out: Path) -> str:
    threads = report["protocol"]["threads"]
    lines = [
        f"{report['protocol']['device']}, {threads} thread"
        + ("" if threads == 1 else "s")
        + " used"
    ]
    blocks = report.get("about", {}).get("blocks", {})  # too many to be told one by one
    for item in report["timings"]:
        if item["file"] in blocks:
            continue
        low, high = item["interval_ms"] or (item["median_ms"],) * 2
        lines.append(
            f"{item['file']}: {item['median_ms']:.3g} ms ({low:.3g}-{high:.3g}; 19 of 20 below "
            f"{item['p95_ms']:.3g} ms)"
        )
        if item["flag"]:
            lines.append(f"  ~ uncertain: {item['flag']}")
    check = report["check"]
    if check is not None:
        lines.append(
            f"{check['partnered']} of {check['detections']} detections on {check['pictures']} "
            "pictures are those stored"
            + ("" if check["hold"] else ": this device finds something else than was measured")
        )
    if blocks:
        flagged = sum(item["flag"] is not None for item in report["timings"])
        lines.append(f"{len(blocks)} blocks; {flagged} of all files are uncertain")
    return "\n".join([*lines, f"report: {out}"]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the report; 1 where something else is found than was stored."""
    folder = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=1, help="threads of onnxruntime")
    parser.add_argument("--out", type=Path, default=folder / REPORT, help="the report")
    given = parser.parse_args(arguments)
    if given.threads < 1:
        parser.error(f"--threads: expected 1 or more; got {given.threads}")
    if importlib.util.find_spec("onnxruntime") is None:
        raise DeviceError("onnxruntime is not installed; `python -m pip install onnxruntime numpy`")
    report = make_report(folder, given.threads, Effort(seconds=0.4))
    given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(_tell(report, given.out))
    return 0 if report["check"] is None or report["check"]["hold"] else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (DeviceError, TimingError) as error:
        sys.exit(str(error))
