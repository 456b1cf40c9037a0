"""The time of a candidate before it is exported and timed, where that alone would refuse it.

Blocks and whole detectors that this device has timed lie in the cache; what a trial has learned
lies in its folder too, so that a run folder holds all that its predictions came from.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch

from smnas.arch import DetectorArch
from smnas.data.cache import cache_folder
from smnas.data.picture import Picture
from smnas.errors import ArchError, ExportError, MeasurementError
from smnas.experiment.judging import Alone
from smnas.experiment.run_folder import trial_folder
from smnas.measure.blocks.parts import Block
from smnas.measure.blocks.prediction import LatencyPredictor
from smnas.measure.blocks.table import LatencyTable, file_name
from smnas.measure.blocks.timing import time_as_files, time_in_torch
from smnas.measure.file_latency import file_latency_protocol
from smnas.measure.latency import latency_protocol
from smnas.trial.measurement import Measurement

RUNTIMES = ("onnxruntime", "torch-eager")
"""In which blocks can be timed."""
_FAULTS = (ArchError, ExportError, MeasurementError)


class Forecast:
    """Predicts for one trial, from what the device and the run know."""

    def __init__(
        self,
        run_folder: Path,
        number: int,
        runtime: str,
        device: str,
        num_classes: int,
        picture: Picture,
        alone: Alone,
    ) -> None:
        """Read what is known.

        Args:
            run_folder: Of the run.
            number: Of the trial.
            runtime: One of ``RUNTIMES``.
            device: Where torch computes.
            num_classes: K, the data's categories.
            picture: What detectors are timed on.
            alone: What keeps the machine quiet while blocks are timed.
        """
        threads, self._is_file = torch.get_num_threads(), runtime == "onnxruntime"
        protocol = file_latency_protocol(threads) if self._is_file else latency_protocol(device)
        name = file_name(protocol)
        own = trial_folder(run_folder, number) / name
        earlier = sorted(own.parents[1].glob(f"*/{name}"))
        self._alone, self._device, self._threads = alone, device, threads
        table = LatencyTable(cache_folder() / "latency" / name, earlier, own)
        height, width = picture.shape[:2]
        self._predictor = LatencyPredictor(
            table, protocol, self._time_blocks, num_classes, (height, width)
        )

    def predict(self, arch: DetectorArch) -> tuple[Measurement, ...]:
        """Return ``latency_ms_predicted`` of a form that ships; nothing where too little is known.

        Of a block that cannot be built or exported nothing is told either: what it is part of is
        going to say why.
        """
        with suppress(*_FAULTS):
            found = self._predictor.predict(arch)
            return () if found is None else (found,)
        return ()

    def learn(self, arch: DetectorArch, measured: Sequence[Measurement]) -> None:
        """Take in what was timed of a form that ships."""
        with suppress(*_FAULTS):
            for item in measured:
                if item.metric == "latency_ms":
                    self._predictor.add(arch, item)

    def _time_blocks(self, blocks: Sequence[Block]) -> tuple[dict[str, float], str | None]:
        with self._alone():
            if self._is_file:
                return time_as_files(blocks, self._threads)
            return time_in_torch(blocks, self._device), None
