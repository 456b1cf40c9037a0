"""Rank a finished search by times that were taken on another device, without training.

``measure.py`` in a front package writes a report on the device. The accuracy beside its time is
that of the very file that was timed, which the report carries. Reports that are compared must be
of one protocol, and their accuracies too; nothing here is compared with the run's own times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.errors import ArchiveError, ComparisonError, ConfigError
from smnas.measure.device_report import (
    DeviceReport,
    ReportedDetector,
    hash_file,
    read_device_report,
)
from smnas.report.members import front_members, is_final, recommended
from smnas.report.objectives import run_objectives
from smnas.report.tables import FrontRow, front_rows
from smnas.trial.front import Objective
from smnas.trial.measurement import AccuracyProtocol, LatencyProtocol
from smnas.trial.trial import Trial

TIME = "latency_ms"


@dataclass(frozen=True)
class Retargeted:
    """The front on another device.

    Attributes:
        protocol: How the times were taken there.
        rows: The new front, as ``smnas front --json`` has it; reported yardsticks among them.
        kept: Trials that were on the front and still are.
        left: Trials that were, and are not any more.
        joined: Trials that were not, and are now.
        recommended_before: The trial that the run recommends.
        recommended: The one that is recommended on this device.
    """

    protocol: LatencyProtocol
    rows: list[FrontRow]
    kept: list[int]
    left: list[int]
    joined: list[int]
    recommended_before: int
    recommended: int

    @property
    def changed(self) -> int:
        """How many members of the front changed: those that left and those that joined."""
        return len(self.left) + len(self.joined)


def retarget(run: Path, files: Sequence[Path]) -> Retargeted:
    """Return the front of a run on the device that reports come from.

    Args:
        run: The run folder; it is only read.
        files: A report of each member of its front, and any of other finals and yardsticks.

    Raises:
        ArchiveError: The search is not over.
        ConfigError: It was not for time.
        ComparisonError: A report of something else, of another protocol, twice, or none of a
            member of the front; or a device that finds something else than was measured.
        MeasurementError: Not a device report.
        MissingFileError: No such file.
    """
    archive = Archive.open(run)
    trials, header = archive.trials(), archive.header
    archive.close()
    objectives = run_objectives(header.config)
    before = front_members(trials, objectives)
    if not is_final(trials) or not before:
        raise ArchiveError(f"{run}: expected a search whose finals are trained; let it go on first")
    if TIME not in [objective.metric for objective in objectives]:
        raise ConfigError(
            f"{run}: its front is not one of time but of "
            f"{', '.join(objective.metric for objective in objectives)}: it is the same everywhere"
        )
    reports = {path: read_device_report(path) for path in files}
    by_trial = _check_reports(run, header, trials, reports, objectives)
    lacking = [trial.number for trial in before if trial.number not in by_trial]
    if lacking:
        raise ComparisonError(
            f"{run}: expected a report of each member of its front; none is of trial "
            f"{', '.join(map(str, lacking))}"
        )
    return _rank(run, trials, before, by_trial, objectives)


def _rank(
    run: Path,
    trials: Sequence[Trial],
    before: Sequence[Trial],
    by_trial: dict[int, DeviceReport],
    objectives: Sequence[Objective],
) -> Retargeted:
    rest = [t for t in trials if t.proposal.is_candidate]  # say which stage a final comes from
    seen = [*rest, *(_on_device(t, by_trial[t.number]) for t in trials if t.number in by_trial)]
    rows = front_rows(seen, run, objectives, final=True)
    after = [row["trial"] for row in rows if row["stage"] != "yardstick"]
    chosen = next(t.number for t in before if t is recommended(before, objectives))
    numbers = [trial.number for trial in before]
    return Retargeted(
        protocol=next(iter(by_trial.values())).protocol,
        rows=rows,
        kept=sorted(set(after) & set(numbers)),
        left=sorted(set(numbers) - set(after)),
        joined=sorted(set(after) - set(numbers)),
        recommended_before=chosen,
        recommended=next(row["trial"] for row in rows if row["recommended"]),
    )


def _on_device(trial: Trial, report: DeviceReport) -> Trial:
    """Return a trial that knows accuracy and time of the reported file alone."""
    detector = report.detector
    accuracy = () if detector is None else detector.accuracy
    outcome = trial.outcome
    if outcome is None:
        return trial
    counted = tuple(
        item for item in (*outcome.measurements, *trial.later) if item.protocol.kind == "count"
    )
    numbers = (*counted, *accuracy, *report.latency(report.timings[0]))
    measured = outcome.model_copy(update={"measurements": numbers})
    return trial.model_copy(update={"outcome": measured, "later": ()})


def _check_reports(
    run: Path,
    header: RunHeader,
    trials: Sequence[Trial],
    reports: dict[Path, DeviceReport],
    objectives: Sequence[Objective],
) -> dict[int, DeviceReport]:
    """Return the reports by trial, each of a detector of this run, all of one protocol."""
    by_number = {trial.number: trial for trial in trials}
    found: dict[int, DeviceReport] = {}
    first: tuple[Path, DeviceReport] | None = None
    for path, report in reports.items():
        detector = report.detector
        if detector is None or len(report.timings) != 1:
            raise ComparisonError(
                f"{path}: expected the report of a front package; got one of other files"
            )
        _require_of_run(path, run, detector, by_number.get(detector.trial))
        _require_accuracy(path, header, detector, objectives)
        if report.check is not None and not report.check.hold:
            raise ComparisonError(
                f"{path}: {report.check.partnered} of {report.check.detections} detections on "
                "that device are those that were stored: the accuracy measured elsewhere does not "
                "hold there"
            )
        if detector.trial in found:
            raise ComparisonError(f"{path}: a second report of trial {detector.trial}")
        if first is None:
            first = (path, report)
        _require_one_protocol(first, (path, report))
        found[detector.trial] = report
    return found


def _require_of_run(path: Path, run: Path, detector: ReportedDetector, trial: Trial | None) -> None:
    """Make sure that a report is of a detector of this run, by the weights."""
    weights = None if trial is None or trial.outcome is None else trial.outcome.weights
    if trial is None or trial.proposal.arch.arch_id != detector.arch_id or weights is None:
        raise ComparisonError(
            f"{path}: is of another search: {run} has no trial {detector.trial} with the arch "
            f"{detector.arch}"
        )
    if not (run / weights).is_file():
        raise ArchiveError(
            f"{run / weights}: is gone; the report {path} cannot be compared with it"
        )
    if hash_file(run / weights) != detector.weights_sha256:
        raise ComparisonError(
            f"{path}: is of other weights than those of trial {detector.trial} of {run}; make its "
            "packages again with `smnas package` and measure these"
        )


def _require_accuracy(
    path: Path, header: RunHeader, detector: ReportedDetector, objectives: Sequence[Objective]
) -> None:
    """Make sure that a report has what the front is taken over, on the run's own pictures."""
    own = {
        item.metric: item.protocol
        for item in detector.accuracy
        if isinstance(item.protocol, AccuracyProtocol) and item.protocol.split == "val"
    }
    for objective in objectives:
        if objective.maximise and objective.metric not in own:
            raise ComparisonError(f"{path}: expected {objective.metric} in it; it has none")
    ids = {protocol.data_id for protocol in own.values()}
    if ids - {header.data_ids.get("val")}:
        raise ComparisonError(f"{path}: its accuracy is of other pictures than those of the run")


def _require_one_protocol(
    first: tuple[Path, DeviceReport], other: tuple[Path, DeviceReport]
) -> None:
    for one, two in zip(_protocols(first[1]), _protocols(other[1]), strict=True):
        if one != two:
            before, after = one or {}, two or {}
            keys = [key for key in before if before[key] != after.get(key)]
            told = ", ".join(f"{key} {before[key]} and {after.get(key)}" for key in keys)
            raise ComparisonError(
                f"{first[0]} and {other[0]}: numbers of different protocols are never compared: "
                f"{told}"
            )


def _protocols(report: DeviceReport) -> tuple[dict[str, object], dict[str, object] | None]:
    """Return how a report's time and its AP on the validation pictures were taken."""
    accuracy = () if report.detector is None else report.detector.accuracy
    of_val = (
        m.protocol.model_dump() for m in accuracy if getattr(m.protocol, "split", "") == "val"
    )
    return report.protocol.model_dump(), next(of_val, None)
