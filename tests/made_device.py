"""A device that follows a law: the report that it would write of blocks and whole detectors."""

import json
from pathlib import Path
from typing import Any

from smnas.arch import DetectorArch
from smnas.measure.blocks.device_times import block_file
from smnas.measure.blocks.parts import Block
from smnas.measure.blocks.plan import plan_blocks
from smnas.measure.blocks.work import work_of

PICTURE, CLASSES = (32, 32), 1
ARCHS = [
    f"{side}x{side}/basicblock_{base}_1-1-1-1/fpn-p2-p3-{width}/none/retina/convs=1"
    for side in (32, 64, 96)
    for base in (8, 16)
    for width in (8, 16)
]
"""Twelve, all of one stage."""


def block_ms(block: Block) -> float:
    """Return what a block takes there."""
    work = work_of(block)
    return 0.1 if work.alike is None else 0.02 + 3e-8 * work.macs + 2e-7 * work.values


def whole_ms(text: str) -> float:
    """Return what a whole detector takes there."""
    blocks = plan_blocks(DetectorArch.parse(text), CLASSES, PICTURE)
    return 0.3 + 1.1 * sum(map(block_ms, blocks))


def make_report(archs: list[str] = ARCHS, flag: str | None = None) -> dict[str, Any]:
    """Return the report on the blocks of some detectors, and on these."""
    plans = [plan_blocks(DetectorArch.parse(text), CLASSES, PICTURE) for text in archs]
    blocks = {block.key: block for plan in plans for block in plan}
    detectors = {f"detectors/{DetectorArch.parse(text).arch_id}.onnx": text for text in archs}
    times = {block_file(block.key): block_ms(block) for block in blocks.values()}
    times |= {file: whole_ms(text) for file, text in detectors.items()}
    told = {key: work_of(block) for key, block in blocks.items()}
    return {
        "format": "smnas-device-report-1",
        "made": "2026-01-01T00:00:00+00:00",
        "system": "Linux",
        "protocol": {
            "runtime": "onnxruntime", "precision": "float32", "device": "a small device",
            "batch": 1, "threads": 2, "warmup": 20, "repeats": 200, "fresh_processes": True,
            "versions": {"onnxruntime": "1.20"},
        },
        "timings": [
            {"file": file, "sha256": "a" * 64, "median_ms": ms, "interval_ms": None, "p95_ms": ms,
             "flag": flag}
            for file, ms in times.items()
        ],
        "detector": None,
        "check": None,
        "about": {
            "picture": PICTURE,
            "classes": CLASSES,
            "blocks": {
                block_file(key): {"key": key, "alike": work.alike, "macs": work.macs,
                                  "values": work.values}
                for key, work in told.items()
            },
            "detectors": detectors,
        },
    }  # fmt: skip


def write_report(path: Path, archs: list[str] = ARCHS, flag: str | None = None) -> Path:
    """Write such a report."""
    path.write_text(json.dumps(make_report(archs, flag)))
    return path
