"""Milliseconds of a detector that was not timed, from its blocks: never a measurement."""

from collections.abc import Callable, Sequence

from smnas.arch import DetectorArch
from smnas.arch.parts import NoProposals
from smnas.measure.blocks.calibration import Calibration, Example, calibrate
from smnas.measure.blocks.parts import Block, Size
from smnas.measure.blocks.plan import plan_blocks
from smnas.measure.blocks.table import LatencyTable, TimedBlock, TimedDetector
from smnas.trial.measurement import (
    LatencyProtocol,
    Measurement,
    PredictionProtocol,
    predicted,
)

PREDICTED = predicted("latency_ms")

REMEMBERED = 100
"""Timed detectors that count."""

TimeBlocks = Callable[[Sequence[Block]], tuple[dict[str, float], str | None]]
"""Blocks to milliseconds by their keys, and what disturbed them."""


class LatencyPredictor:
    """Predicts the time of detectors in the form that is handed in, on one device.

    Args:
        table: What is known; blocks that it lacks are timed when they are asked for.
        protocol: How whole detectors are timed.
        time_blocks: Times them likewise.
        num_classes: K, the data's categories.
        picture: Rows and columns of the pictures.
    """

    def __init__(
        self,
        table: LatencyTable,
        protocol: LatencyProtocol,
        time_blocks: TimeBlocks,
        num_classes: int,
        picture: Size,
    ) -> None:
        self._table, self._protocol, self._time_blocks = table, protocol, time_blocks
        self._classes, self._picture = num_classes, picture

    def add(self, arch: DetectorArch, measured: Measurement) -> None:
        """Learn from a detector that was timed; what was disturbed teaches nothing."""
        if measured.flag is None:
            self._table.add([self._timed(arch, measured.value)])
            self.sum_blocks(arch)

    def predict(self, arch: DetectorArch) -> Measurement | None:
        """Return ``latency_ms_predicted``, or None as long as its error is not known.

        Raises:
            ArchError: A backbone by name that cannot feed this neck.
            ExportError: A block that cannot be exported.
            MeasurementError: A block that does not run.
        """
        known, family = self.calibration, family_of(arch)
        if known is None or not known.knows(family):
            return None
        sum_ms = self.sum_blocks(arch)
        self._table.keep_in_run()
        return Measurement(
            metric=PREDICTED,
            value=known.predict(family, sum_ms),
            unit="ms",
            interval=known.interval(family, sum_ms),
            protocol=PredictionProtocol(
                **self._protocol.model_dump(
                    include={"runtime", "precision", "device", "batch", "threads", "versions"}
                ),
                detectors=known.detectors,
                error=known.error,
            ),
        )

    @property
    def calibration(self) -> Calibration | None:
        """What the newest timed detectors say whose blocks are known; None of too few."""
        examples = list[Example]()
        for (text, classes, picture), ms in list(self._table.detectors.items())[-REMEMBERED:]:
            arch, times = DetectorArch.parse(text), self._table.blocks
            keys = [block.key for block in plan_blocks(arch, classes, picture)]
            if all(key in times for key in keys):
                examples.append(Example(family_of(arch), sum(times[key] for key in keys), ms))
        return calibrate(examples)

    def sum_blocks(self, arch: DetectorArch) -> float:
        """Return the milliseconds of all blocks together; unknown ones are timed."""
        blocks = plan_blocks(arch, self._classes, self._picture)
        times = self._table.blocks
        unknown = list({b.key: b for b in blocks if b.key not in times}.values())
        if unknown:
            found, disturbed = self._time_blocks(unknown)
            entries = [TimedBlock(block=key, ms=ms) for key, ms in found.items()]
            if disturbed is None:
                self._table.add(entries)
            else:
                times = {**times, **found}
        return sum(times[block.key] for block in blocks)

    def _timed(self, arch: DetectorArch, ms: float) -> TimedDetector:
        return TimedDetector(arch=str(arch), classes=self._classes, picture=self._picture, ms=ms)


def family_of(arch: DetectorArch) -> str:
    """Return which detectors what blocks do not show is alike for."""
    return "one-stage" if isinstance(arch.proposals, NoProposals) else "two-stage"
