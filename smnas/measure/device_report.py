"""What a device said about files that were timed there: the report that ``on_device.py`` writes.

A report holds one protocol and one time for each file. Those of front packages also say which
detector the file is, and what accuracy was measured with it: nothing else is needed to compare
detectors by what several reports say.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from smnas.errors import MeasurementError, MissingFileError, describe_validation_error
from smnas.trial.measurement import LatencyProtocol, Measurement

FORMAT = "smnas-device-report-1"
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Milliseconds = Annotated[FiniteFloat, Field(gt=0)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TimedFile(_Value):
    """The time of one file; what the numbers mean is told in ``standalone.Finding``."""

    file: str
    """Its name in the folder that it was timed in."""
    sha256: Sha256
    """Of its content: what was timed, whatever it is called."""
    median_ms: Milliseconds
    interval_ms: tuple[Milliseconds, Milliseconds] | None
    p95_ms: Milliseconds
    flag: str | None


class ReportedDetector(_Value):
    """Which detector a file is, and how accurate: copied from its front package."""

    trial: Annotated[int, Field(ge=0)]
    """Its number in the run that found it."""
    arch: str
    arch_id: str
    weights_sha256: Sha256
    """Of the weights file that the timed file was made from."""
    accuracy: tuple[Measurement, ...]
    """Measured with the very file that was timed."""


class StoredDetections(_Value):
    """Whether the device finds in the package's pictures what was found when it was made."""

    pictures: Annotated[int, Field(ge=1)]
    detections: Annotated[int, Field(ge=0)]
    """Of both sides, the package's and the device's, above a score of 0.05."""
    partnered: Annotated[int, Field(ge=0)]
    """Those with a partner on the other side: same class, within 0.5 pixels and 0.001 of score."""
    hold: bool
    """Whether at least 99 % have one."""


class ReportedBlock(_Value):
    """Which block a file is, and what it computes: see ``blocks.work``."""

    key: str
    alike: str | None
    macs: Annotated[int, Field(ge=0)]
    values: Annotated[int, Field(ge=0)]


class ReportedBlocks(_Value):
    """Which blocks and whole detectors the files of a folder are that ``measure --blocks`` wrote.

    All that was asked for: files that were not timed are missing from the report.
    """

    picture: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
    """Rows and columns of the pictures that go into whole detectors."""
    classes: Annotated[int, Field(ge=1)]
    blocks: Annotated[dict[str, ReportedBlock], Field(min_length=1)]
    """By the name of the file."""
    detectors: Annotated[dict[str, str], Field(min_length=1)]
    """Their archs, by the name of the file."""


class DeviceReport(_Value):
    """What one call of ``on_device.py`` found."""

    format: Literal["smnas-device-report-1"]
    made: str
    """ISO 8601, UTC."""
    system: str
    """The operating system in a line."""
    protocol: LatencyProtocol
    timings: Annotated[tuple[TimedFile, ...], Field(min_length=1)]
    detector: ReportedDetector | None
    """Of a front package, whose only file it is; None for other files."""
    check: StoredDetections | None
    about: ReportedBlocks | None = None
    """Of blocks for a search by the times of this device; None for other files."""

    def latency(self, timed: TimedFile) -> tuple[Measurement, ...]:
        """Return a time of this report as ``latency_ms`` and ``latency_p95_ms``."""
        median = Measurement(
            metric="latency_ms",
            value=timed.median_ms,
            unit="ms",
            interval=timed.interval_ms,
            protocol=self.protocol,
            flag=timed.flag,
        )
        changes = {"metric": "latency_p95_ms", "value": timed.p95_ms, "interval": None}
        return median, median.model_copy(update=changes)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_device_report(path: Path) -> DeviceReport:
    """Return the report in a file.

    Raises:
        MissingFileError: No such file.
        MeasurementError: Not a device report, or one of another version.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such device report; `python measure.py` writes one")
    try:
        return DeviceReport.model_validate_json(path.read_bytes())
    except ValidationError as error:
        told = describe_validation_error(str(path), error, DeviceReport)
        raise MeasurementError(
            f"{told} (expected a device report of the format {FORMAT}, as `python measure.py` "
            "writes it in the folder of a front package or of blocks)"
        ) from None
