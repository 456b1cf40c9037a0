"""A search by the milliseconds of another device, predicted from the report of its blocks.

Nothing is timed here then: each detector's ``latency_ms`` is a prediction, by its protocol, and
known before its training.
"""

from collections.abc import Callable
from pathlib import Path

from smnas.arch import DetectorArch
from smnas.arch.parts import Norm
from smnas.archive.archive import Archive
from smnas.errors import ArchError, ConfigError, MeasurementError, RunMismatchError
from smnas.experiment.run_folder import DEVICE_REPORT, write_whole
from smnas.experiment.worth import Measured, NotWorthTrainingError, Worth
from smnas.measure.blocks.device_times import ADVICE, DeviceTimes
from smnas.measure.device_report import hash_file
from smnas.report.wording import percent
from smnas.seeding import generator
from smnas.space.pair import SpacePair

_LOOKED_AT = 100
"""Structures that a report is tried on before a search."""


def find_report(asked: Path | None, folder: Path) -> Path | None:
    """Return the report that the search in ``folder`` goes by: the copy there where it has one.

    Raises:
        RunMismatchError: The file has changed since the run began.
    """
    kept = folder / DEVICE_REPORT
    if asked is None or not (Archive.is_in(folder) and kept.is_file()):
        return asked
    if asked.is_file() and hash_file(asked) != hash_file(kept):
        raise RunMismatchError(
            f"{folder} holds a search by another device report than {asked} is now, which is kept "
            f"as {kept}: give that one, or another folder with --out"
        )
    return kept


def keep_report(report: Path | None, folder: Path) -> None:
    """Copy a report into the run folder, which then needs no other."""
    kept = folder / DEVICE_REPORT
    if report is not None and report != kept:
        write_whole(kept, report.read_bytes())


def read_times(
    path: Path, spaces: SpacePair, classes: int, seed: int, ships: Norm
) -> tuple[DeviceTimes, str]:
    """Return the times in a report, and what they are worth to a search, in a sentence.

    ``ships`` is the norm in which its candidates are timed.

    Raises:
        ConfigError: It is of another space, or of other data.
        MeasurementError: Not the report of a folder of blocks, or not a whole one.
        MissingFileError: No such file.
    """
    times = DeviceTimes.read(path)
    if times.classes != classes:
        raise ConfigError(
            f"{path}: expected times of detectors of {classes} classes, as the data have; got "
            f"those of {times.classes}; {ADVICE}"
        )
    rng, flags, reason = generator(seed, "device report"), list[str | None](), ""
    for _ in range(_LOOKED_AT):
        try:
            flags.append(times.predict(spaces.structural.sample(rng).replace(norm=ships)).flag)
        except (MeasurementError, ArchError) as error:
            reason = str(error)
    if not flags:
        raise ConfigError(f"{path}: the time of no detector of the space can be told: {reason}")
    return times, _describe(times, len(flags), flags.count(times.disturbed))


def _describe(times: DeviceTimes, told: int, whole: int) -> str:
    """Say where times come from, what they are worth, and of which detectors there are any."""
    known, error = times.calibration, ""
    if known is not None:
        error = (
            f" and {known.detectors} whole detectors, each of which the others tell with a median "
            f"error of {percent(known.error)} %"
        )
    rest = _LOOKED_AT - told
    return (
        f"Times are predicted for {times.device}, not measured: from {len(times.blocks)} blocks"
        f"{error}. Of {_LOOKED_AT} structures drawn {whole} have all their blocks timed"
        + (f", {told - whole} have some estimated from blocks alike" if told > whole else "")
        + (f", and {rest} cannot be told and are not trained: {ADVICE}" if rest else "")
        + (f". Take care: {times.disturbed}." if times.disturbed else ".")
    )


def settle(
    worth: Worth, times: DeviceTimes, shipped: DetectorArch, count: Callable[[], Measured]
) -> Measured:
    """Return what a detector costs by count and, as predicted, in time.

    Args:
        worth: What the search asks of it.
        times: Of the device.
        shipped: The form that is deployed.
        count: Counts it.

    Raises:
        NotWorthTrainingError: A candidate whose time cannot be told, so that it cannot be ranked,
            or that breaks a constraint or is pruned.
        MeasurementError: The time of a final or yardstick cannot be told.
    """
    cost = count()
    try:
        cost = (*cost, times.predict(shipped))
    except MeasurementError as error:
        if not worth.of_candidate:
            raise
        raise NotWorthTrainingError("constraint", str(error), cost) from None
    if worth.asked:
        worth.require(cost)
    return cost
