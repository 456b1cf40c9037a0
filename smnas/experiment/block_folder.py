"""``smnas measure --blocks``: a folder to take to a device, for a search by its milliseconds."""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch

from smnas.archive.storage import room_on_disk
from smnas.data.dataset import Category
from smnas.errors import ConfigError
from smnas.experiment.block_choice import Chosen, choose_blocks
from smnas.experiment.config import SearchConfig
from smnas.experiment.judging import build_twin
from smnas.experiment.prepare import prepare
from smnas.experiment.run_folder import DEVICE_REPORT
from smnas.export.onnx import export_model, write_model
from smnas.measure import on_device, standalone
from smnas.measure.blocks.device_times import block_file
from smnas.measure.blocks.files import export_blocks
from smnas.measure.blocks.work import work_of
from smnas.measure.device_report import ReportedBlock, ReportedBlocks, hash_file

SCRIPT, README = "measure.py", "README.md"
MOST_BLOCKS, MOST_MIB = 1500, 2048.0
_NOTED = 200
"""After so many blocks it is said how far it is."""


@dataclass(frozen=True)
class BlockFolder:
    """What was written.

    Attributes:
        folder: Where.
        files: ONNX files, blocks and whole detectors.
        mib: What all of it takes.
        chosen: Which blocks and detectors.
    """

    folder: Path
    files: int
    mib: float
    chosen: Chosen


def write_block_folder(
    config: SearchConfig,
    out: Path,
    *,
    most_blocks: int = MOST_BLOCKS,
    most_mib: float = MOST_MIB,
    note: Callable[[str], None] = lambda _: None,
) -> BlockFolder:
    """Write the blocks that the search which ``config`` describes needs the times of.

    Args:
        config: Of the search; its data give classes, the size of pictures and the space's inputs.
        out: The folder; whole or not there at all.
        most_blocks: Files of blocks at most.
        most_mib: Of all of them, at most.
        note: Told what is being done.

    Raises:
        ConfigError: ``out`` is there already, a setting that is wrong, or limits too tight for any
            detector.
        ExportError: A block that cannot be exported.
        StorageFullError: No room on the disk.
    """
    if out.exists():
        raise ConfigError(f"{out}: there already; remove it, or name another folder with --out")
    ready = prepare(config)
    val = ready.splits.val
    rows, columns = val.read(0)[0].shape[:2]
    place = (len(val.categories), (rows, columns))
    chosen = choose_blocks(ready.spaces, ready.settings, *place, most_blocks, most_mib)
    if not chosen.detectors:
        raise ConfigError(
            f"{most_blocks} blocks of {most_mib:g} MiB are too few for any detector of the space; "
            "raise --most-blocks or --most-mib"
        )
    for sentence in chosen.sentences:
        note(sentence)
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        room_on_disk(out.parent),
        tempfile.TemporaryDirectory(prefix=".blocks-", dir=out.parent) as passing,
    ):
        folder = Path(passing) / out.name
        (folder / "blocks").mkdir(parents=True)
        (folder / "detectors").mkdir()
        about = ReportedBlocks(
            picture=place[1],
            classes=place[0],
            blocks=_write_blocks(folder, chosen, note),
            detectors=_write_detectors(folder, chosen, val.categories, note),
        )
        _write_rest(folder, about)
        mib = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
        folder.replace(out)
    return BlockFolder(out, len(about.blocks) + len(about.detectors), mib, chosen)


def _write_blocks(
    folder: Path, chosen: Chosen, note: Callable[[str], None]
) -> dict[str, ReportedBlock]:
    """Export the blocks; return by file what they are."""
    found: dict[str, ReportedBlock] = {}
    for block, model in export_blocks(list(chosen.blocks.values())):
        file, work = block_file(block.key), work_of(block)
        onnx.save(model, folder / file)
        found[file] = ReportedBlock(
            key=block.key, alike=work.alike, macs=work.macs, values=work.values
        )
        if len(found) % _NOTED == 0:
            note(f"{len(found)} of {len(chosen.blocks)} blocks are written")
    return found


def _write_detectors(
    folder: Path, chosen: Chosen, categories: Sequence[Category], note: Callable[[str], None]
) -> dict[str, str]:
    """Export the whole detectors, with random weights; return by file which they are."""
    note(f"writing {len(chosen.detectors)} whole detectors")
    found: dict[str, str] = {}
    for arch in chosen.detectors:
        file = f"detectors/{arch.arch_id}.onnx"
        with torch.random.fork_rng(devices=[]):
            twin = build_twin(arch, categories, "cpu")
        write_model(export_model(twin.detector, twin.categories), folder / file)
        found[file] = str(arch)
    return found


def _write_rest(folder: Path, about: ReportedBlocks) -> None:
    """Write the script that times the files, what it is told, and how to run it."""
    shutil.copyfile(on_device.__file__, folder / SCRIPT)
    shutil.copyfile(standalone.__file__, folder / Path(standalone.__file__).name)
    shutil.copyfile(standalone.REFERENCE, folder / standalone.REFERENCE.name)
    task = {
        "format": on_device.TASK_FORMAT,
        "precision": "float32",
        "files": {file: hash_file(folder / file) for file in (*about.detectors, *about.blocks)},
        "check": None,
        "detector": None,
        "about": about.model_dump(mode="json"),
    }
    (folder / on_device.TASK).write_text(json.dumps(task, indent=1) + "\n", encoding="utf-8")
    (folder / README).write_text(_render_readme(about), encoding="utf-8")


def _render_readme(about: ReportedBlocks) -> str:
    rows, columns = about.picture
    return f"""# Blocks of detectors, to be timed on a device

{len(about.blocks)} parts of detectors and {len(about.detectors)} whole ones (weights are random:
times do not depend on them), for {about.classes} classes and pictures of {columns} x {rows} pixels.

1. Copy this folder to the device. It needs Python, `pip install numpy onnxruntime`, and nothing of
   smnas.
2. Run `python measure.py --threads 1` there, with the threads that the detector is going to have,
   while the device does nothing else. It times {on_device.AT_ONCE} files at a time, each in three
   to five new processes, and says how far it is: in all about
   {_minutes(len(about.blocks) + len(about.detectors))} minutes on a PC.
3. Bring `{DEVICE_REPORT}` back, and search by it: give the options that this folder was written
   with to `smnas search ... --latency-from {DEVICE_REPORT}`.

Sums of blocks are calibrated by the whole detectors, and each of these is predicted by the others:
that is the error which the search states. What it shows is a prediction and says so; the exported
packages of its finals are measured on the device with their own `measure.py` and ranked by
`smnas retarget`.
"""


_SECONDS_AT_ONCE = 8.0


def _minutes(files: int) -> int:
    return max(1, round(files / on_device.AT_ONCE * _SECONDS_AT_ONCE / 60))
