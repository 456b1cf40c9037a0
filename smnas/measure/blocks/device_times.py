"""The time of detectors on a device that is not here, from the report of its blocks."""

import hashlib
from collections import Counter
from functools import cached_property
from math import hypot
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from smnas.arch import DetectorArch
from smnas.errors import ArchError, MeasurementError
from smnas.measure.blocks.calibration import FEWEST, Calibration, Example, calibrate
from smnas.measure.blocks.estimate import Law, find_laws
from smnas.measure.blocks.parts import Block, Size
from smnas.measure.blocks.plan import plan_blocks
from smnas.measure.blocks.prediction import family_of
from smnas.measure.blocks.work import Work, work_of
from smnas.measure.device_report import (
    DeviceReport,
    ReportedBlock,
    ReportedBlocks,
    TimedFile,
    hash_file,
    read_device_report,
)
from smnas.trial.measurement import LatencyProtocol, Measurement, PredictionProtocol

ADVICE = (
    "`smnas measure --blocks` with the options of the search writes a folder of the blocks that it "
    "needs; run its measure.py on the device"
)


def block_file(key: str) -> str:
    """Return the name of the file of a block."""
    return f"blocks/{hashlib.sha256(key.encode()).hexdigest()[:16]}.onnx"


class TimedWhole(BaseModel):
    """A whole detector that was timed; ``disturbed`` says in words by what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arch: str
    ms: float
    disturbed: str | None


class DeviceTimes(BaseModel):
    """What a device said of blocks and whole detectors: predicts the time of any that share them.

    What it tells is never a measurement: its protocol is a ``PredictionProtocol``. It is a value,
    and travels to the processes that run trials.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: LatencyProtocol
    report: str
    """SHA-256 of the report."""
    picture: Size
    classes: int
    blocks: dict[str, tuple[float, ReportedBlock]]
    """Milliseconds of each block, by its key."""
    detectors: tuple[TimedWhole, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the times in a report.

        Raises:
            MissingFileError: No such file.
            MeasurementError: Not the report of a folder of blocks, not a whole one, one whose names
                do not fit, or of too few detectors to calibrate by.
        """
        report = read_device_report(path)
        if report.about is None:
            raise MeasurementError(
                f"{path}: expected the report of a folder of blocks; got one of whole files, which "
                f"`smnas retarget` takes; {ADVICE}"
            )
        found = _by_file(path, report, report.about)
        times = cls(
            protocol=report.protocol,
            report=hash_file(path),
            picture=report.about.picture,
            classes=report.about.classes,
            blocks={
                block.key: (found[file].median_ms, block)
                for file, block in report.about.blocks.items()
            },
            detectors=tuple(
                TimedWhole(arch=arch, ms=found[file].median_ms, disturbed=found[file].flag)
                for file, arch in report.about.detectors.items()
            ),
        )
        try:
            calibration = times.calibration
        except ArchError as error:
            raise MeasurementError(
                f"{path}: of a detector that is none ({error}); {ADVICE}"
            ) from None
        if calibration is None:
            raise MeasurementError(
                f"{path}: expected the times of at least {FEWEST} whole detectors with their "
                f"blocks, to calibrate by; got {len(times.detectors)}; {ADVICE}"
            )
        return times

    @property
    def device(self) -> str:
        """Which device, and how it was used, in words."""
        threads = f"{self.protocol.threads} thread" + ("" if self.protocol.threads == 1 else "s")
        return f"{self.protocol.device} ({self.protocol.runtime}, {threads})"

    @property
    def disturbed(self) -> str | None:
        """Say what disturbed the whole detectors, where too few were timed in peace."""
        peaceful = [item for item in self.detectors if item.disturbed is None]
        first = next((item.disturbed for item in self.detectors if item.disturbed), None)
        if len(peaceful) >= FEWEST or first is None:
            return None
        uneasy = len(self.detectors) - len(peaceful)
        return f"{uneasy} of {len(self.detectors)} detectors that it is calibrated by: {first}"

    @cached_property
    def calibration(self) -> Calibration | None:
        """From sums of blocks to whole detectors; None of too few."""
        examples = list[Example]()
        for item in self.detectors:
            if item.disturbed is not None and self.disturbed is None:
                continue  # enough others were timed in peace
            arch = DetectorArch.parse(item.arch)
            keys = [block.key for block in plan_blocks(arch, self.classes, self.picture)]
            if all(key in self.blocks for key in keys):
                total = sum(self.blocks[key][0] for key in keys)
                examples.append(Example(family_of(arch), total, item.ms))
        return calibrate(examples)

    @cached_property
    def laws(self) -> dict[str, Law]:
        """What tells the time of blocks that were not timed."""
        return find_laws(
            (Work(block.alike, block.macs, block.values), ms) for ms, block in self.blocks.values()
        )

    def predict(self, arch: DetectorArch) -> Measurement:
        """Return ``latency_ms`` of a form that ships, predicted for the device.

        Where blocks were not timed that others are like, their time follows from these: the
        interval is wider by what that is worth, and ``flag`` says so.

        Raises:
            MeasurementError: Its time cannot be told, as no block is like one that it has, or none
                of its family was timed.
            ArchError: A backbone by name that cannot feed this neck.
        """
        known, family = self.calibration, family_of(arch)
        if known is None or not known.knows(family):
            raise MeasurementError(
                f"no time on {self.device} can be told: too few {family} detectors were timed there"
            )
        blocks = plan_blocks(arch, self.classes, self.picture)
        sum_ms, deviation_ms, estimated = self._add_up(blocks)
        notes = [
            *(
                [f"{estimated} of its {len(blocks)} blocks were not timed there"]
                if estimated
                else []
            ),
            *([self.disturbed] if self.disturbed else []),
        ]
        return Measurement(
            metric="latency_ms",
            value=known.predict(family, sum_ms),
            unit="ms",
            interval=known.interval(family, sum_ms, deviation_ms),
            protocol=PredictionProtocol(
                **self.protocol.model_dump(
                    include={"runtime", "precision", "device", "batch", "threads", "versions"}
                ),
                detectors=known.detectors,
                error=known.error,
                report=self.report,
            ),
            flag="; ".join(notes) or None,
        )

    def _add_up(self, blocks: tuple[Block, ...]) -> tuple[float, float, int]:
        """Return the sum, its deviation, and how many blocks nobody timed."""
        sum_ms, deviations = 0.0, list[float]()
        unknown = Counter(block for block in blocks if block.key not in self.blocks)
        lacking = [block.key for block in unknown if work_of(block).alike not in self.laws]
        if lacking:
            raise MeasurementError(
                f"no time on {self.device} can be told: {len(lacking)} of its blocks were not "
                f"timed there, nor enough that are like them; the first is {lacking[0]}"
            )
        sum_ms = sum(self.blocks[b.key][0] for b in blocks if b.key in self.blocks)
        for block, times in unknown.items():
            work = work_of(block)
            law = self.laws[work.alike or ""]
            sum_ms += times * law.tell(work)
            deviations.append(times * law.tell(work) * law.deviation)
        return sum_ms, hypot(*deviations), sum(unknown.values())


def _by_file(path: Path, report: DeviceReport, about: ReportedBlocks) -> dict[str, TimedFile]:
    """Return the times by name, one of each file that was asked for."""
    found = {item.file: item for item in report.timings}
    asked = {*about.blocks, *about.detectors}
    missing, strange = asked - found.keys(), found.keys() - asked
    if missing or strange or len(found) != len(report.timings):
        raise MeasurementError(
            f"{path}: expected one time of each of the {len(asked)} files that it is about; "
            f"{len(missing)} are missing, {len(strange)} are of other files and "
            f"{len(report.timings) - len(found)} stand twice; run measure.py on the device again"
        )
    wrong = [file for file, block in about.blocks.items() if file != block_file(block.key)]
    if wrong:
        raise MeasurementError(
            f"{path}: {wrong[0]} is not the name of the block that it is said to be: the report "
            "was changed; run measure.py on the device again"
        )
    return found
