"""Milliseconds of blocks by clock, in the runtime that whole detectors are timed in."""

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from smnas.data.picture import fit_picture
from smnas.detector.contract import Prediction
from smnas.errors import MeasurementError
from smnas.measure.blocks.build import build_block
from smnas.measure.blocks.files import export_blocks
from smnas.measure.blocks.parts import Block, Fitting, Size
from smnas.measure.file_latency import LIBRARIES, SHORT
from smnas.measure.latency import measure_latency
from smnas.measure.latency_history import LatencyHistory
from smnas.measure.protocol import library_versions
from smnas.measure.standalone import (
    Effort,
    Run,
    Task,
    TimingError,
    describe_cpu,
    disturbance,
    start_process,
)

QUICK = Effort(seconds=0.1, max_repeats=100, max_warmup=10)
"""Of each block in torch; most take a fraction of a millisecond."""
PROCESSES = 2
FILES_AT_ONCE = 48
"""Whose repeats a process takes in turns."""
OF_FILES = Effort(seconds=1.0, min_repeats=15, max_repeats=100)
"""Of so many files together, in each process."""


def time_in_torch(blocks: Sequence[Block], device: torch.device | str) -> dict[str, float]:
    """Return the median milliseconds of each block by its key, as torch runs it eagerly."""
    return {
        block.key: measure_latency(
            TorchBlock(block, torch.device(device)), _noise(block), device, effort=QUICK
        ).value
        for block in blocks
    }


class TorchBlock:
    """A block as something that takes pictures, so that it is timed as detectors are."""

    def __init__(self, block: Block, device: torch.device) -> None:
        self._block, self._device = block, device
        self._module, shapes = (None, ()) if isinstance(block, Fitting) else build_block(block)
        rng = torch.Generator().manual_seed(0)
        self._given = [torch.randn(shape, generator=rng).to(device) for shape in shapes]
        if self._module is not None:
            self._module.to(device)

    def predict(self, picture_HW3: NDArray[np.uint8], /) -> Prediction:
        """Run it once; nobody looks at what it returns."""
        if isinstance(self._block, Fitting):
            fit_picture(picture_HW3, self._block.input).image_3HW[None].to(self._device)
        elif self._module is not None:
            with torch.inference_mode():
                self._module(*self._given)
        return _NOTHING


_NOTHING = Prediction(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


def time_as_files(blocks: Sequence[Block], threads: int) -> tuple[dict[str, float], str | None]:
    """Return the median milliseconds of each block by its key, as onnxruntime runs its file.

    In fresh processes, each of which takes many blocks in turns with the reference network, as
    whole detectors are timed.

    Returns:
        The times, and what disturbed them; None where nothing did.

    Raises:
        ExportError: A block that cannot be exported.
        MeasurementError: onnxruntime cannot run one.
    """
    fittings = {block.picture for block in blocks if isinstance(block, Fitting)}
    if len(fittings) > 1:
        raise MeasurementError(f"expected blocks for one size of pictures; got {sorted(fittings)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture = folder / "picture.npy"
        np.save(picture, _noise(*blocks))
        files: dict[str, Path] = {}
        for block, model in export_blocks(blocks):
            files[block.key] = folder / f"{len(files)}.onnx"
            onnx.save(model, files[block.key])
        return time_files(files, picture, threads)


def time_files(
    files: Mapping[str, Path], picture: Path, threads: int
) -> tuple[dict[str, float], str | None]:
    """Return the median milliseconds of each file by its name; see ``time_as_files``."""
    times: dict[str, float] = {}
    disturbed: str | None = None
    for first in range(0, len(files), FILES_AT_ONCE):
        some = dict(list(files.items())[first : first + FILES_AT_ONCE])
        task = Task(list(map(str, some.values())), str(picture), threads, OF_FILES)
        runs, usual_ms, trouble = _quiet_runs(task)
        disturbed = trouble or disturbed
        for place, key in enumerate(some):
            of_runs = (statistics.median(run.times_at(usual_ms, place)) for run in runs)
            times[key] = statistics.median(of_runs)
    return times, disturbed


def _quiet_runs(task: Task) -> tuple[list[Run], float, str | None]:
    """Return undisturbed processes, or after enough of them all, with the usual pace.

    The last says what disturbed them, where there are too few.
    """
    device = {"device": describe_cpu(), **library_versions(LIBRARIES)}
    known_ms = LatencyHistory.of(replace(task, effort=SHORT), device).usual_reference_ms
    runs, quiet, usual_ms, trouble = list[Run](), list[Run](), 0.0, None
    try:
        while len(quiet) < PROCESSES and len(runs) < 2 * PROCESSES:
            runs.append(start_process(task))
            usual_ms = known_ms or statistics.median_low(run.reference_ms for run in runs)
            troubles = [disturbance(run, usual_ms) for run in runs]
            quiet = [run for run, found in zip(runs, troubles, strict=True) if found is None]
            trouble = troubles[-1] or trouble
    except TimingError as error:
        raise MeasurementError(f"blocks: cannot be timed: {error}") from error
    return (quiet, usual_ms, None) if len(quiet) == PROCESSES else (runs, usual_ms, trouble)


def _noise(*blocks: Block) -> NDArray[np.uint8]:
    """Return a picture for the fitting among blocks; a small one where there is none."""
    sizes: list[Size] = [block.picture for block in blocks if isinstance(block, Fitting)]
    height, width = sizes[0] if sizes else (8, 8)
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
