"""How the numbers of a run came about, as rows for people: protocol, settings, time spent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smnas.archive.header import RunHeader
from smnas.report.members import candidate_stage
from smnas.report.wording import duration, percent, threads
from smnas.trial.measurement import (
    AccuracyProtocol,
    LatencyProtocol,
    Measurement,
    PredictionProtocol,
)
from smnas.trial.trial import Trial


@dataclass(frozen=True)
class StageTime:
    """What one part of the run took."""

    name: str
    trials: int
    failed: int
    refused: int
    """Broke a constraint, and so were measured and not trained."""
    budget: str
    time: str


_STAGES: tuple[tuple[int | str, str], ...] = (
    (1, "Stage 1: structures"),
    (2, "Stage 2: modules"),
    ("final", "Final training"),
    ("yardstick", "Yardstick"),
)


def protocol_rows(header: RunHeader, trials: Sequence[Trial]) -> list[tuple[str, str]]:
    """Return what a reader needs to judge the numbers, as (name, text)."""
    rows = [
        ("Machine", header.machine),
        ("Begun", header.created),
        ("smnas", header.smnas_version),
        ("Libraries", ", ".join(f"{name} {v}" for name, v in header.versions.items())),
        ("Seed", str(header.config.get("seed", ""))),
        ("Classes", ", ".join(header.categories)),
        ("Data", ", ".join(f"{split} {digest}" for split, digest in header.data_ids.items())),
        *measuring_rows(trials),
    ]
    return [(name, text) for name, text in rows if text]


def measuring_rows(trials: Sequence[Trial]) -> list[tuple[str, str]]:
    """Return one row per different protocol that the numbers of the run were taken by."""
    found = dict.fromkeys(
        describe_protocol(item)
        for trial in trials
        for item in (*(trial.outcome.measurements if trial.outcome else ()), *trial.later)
    )
    return sorted(found)


def setting_rows(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every setting of the search by its dotted name."""
    return list(_flatten(config, ""))


def time_rows(trials: Sequence[Trial]) -> list[StageTime]:
    """Return per part of the run how many trials it had, and how long they took together."""
    rows: list[StageTime] = []
    for stage, name in _STAGES:
        listed = [t for t in trials if t.proposal.stage == stage and t.outcome is not None]
        if listed:
            budgets = dict.fromkeys(str(trial.proposal.budget) for trial in listed)
            seconds = sum(trial.outcome.seconds for trial in listed if trial.outcome)
            failed, refused = sum(t.failed for t in listed), sum(t.refused for t in listed)
            trained, budget = len(listed) - refused, ", ".join(budgets)
            rows.append(StageTime(name, trained, failed, refused, budget, duration(seconds)))
    return rows


@dataclass(frozen=True)
class FailedTrial:
    """A trial without numbers: where it failed, and why."""

    number: int
    part: str
    arch: str
    failed_at: str
    reason: str


def failed_trials(trials: Sequence[Trial]) -> list[FailedTrial]:
    """Return the trials that failed, in the order in which they came; refused ones have not."""
    names = dict(_STAGES)
    return [
        FailedTrial(
            trial.number,
            names[trial.proposal.stage],
            str(trial.proposal.arch),
            trial.outcome.failure.stage,
            trial.outcome.failure.reason,
        )
        for trial in trials
        if trial.failed and trial.outcome is not None and trial.outcome.failure is not None
    ]


def part_name(trial: Trial, trials: Sequence[Trial]) -> str:
    """Return in words which part of the run a trial belongs to."""
    stage = candidate_stage(trial, {other.number: other for other in trials})
    if stage == "yardstick":
        return "yardstick"
    return f"final of stage {stage}" if trial.proposal.stage == "final" else f"stage {stage}"


_COUNTED = {
    "macs_g": "Multiply-adds",
    "params_m": "Parameters",
    "peak_memory_mib": "Memory of a prediction",
    "training_memory_mib": "Memory of a training",
    "training_memory_mib_predicted": "Memory of a training, predicted",
}


def describe_protocol(item: Measurement) -> tuple[str, str]:
    """Return what was measured, and how, in words."""
    protocol = item.protocol
    if isinstance(protocol, AccuracyProtocol):
        folds = (
            f" of train and val in {protocol.folds} folds, each picture judged by a training that "
            "has not seen it"
            if protocol.folds > 1
            else ""
        )
        return (
            f"AP on {protocol.folds} folds" if folds else f"AP on the {protocol.split} split",
            f"{protocol.pictures} pictures{folds}; {protocol.runtime}, {protocol.precision}, "
            f"{protocol.device}; 95 % interval from {protocol.replicates} bootstrap replicates "
            "over pictures",
        )
    if isinstance(protocol, LatencyProtocol):
        return "Time", _describe_time(protocol)
    if isinstance(protocol, PredictionProtocol):
        return "Time, predicted", (
            f"{protocol.runtime}, {protocol.precision}, {protocol.device}, "
            f"{threads(protocol.threads)}: from the times of blocks, calibrated by "
            f"{protocol.detectors} detectors, of which each is predicted by the others with a "
            f"median error of {percent(protocol.error)} %; nobody timed it"
        )
    return _COUNTED.get(item.metric, item.metric), protocol.rule


def _describe_time(protocol: LatencyProtocol) -> str:
    text = (
        f"{protocol.runtime}, {protocol.precision}, {protocol.device}, batch {protocol.batch}, "
        f"{threads(protocol.threads)}; median of up to {protocol.repeats} predictions after up to "
        f"{protocol.warmup} to warm up, post-processing included"
    )
    if not protocol.fresh_processes:
        return text
    pace = ", times at the device's usual pace by it" if protocol.at_usual_pace else ""
    return (
        f"{text}; in turns with a reference network{pace}, in two or more new processes; the "
        "interval is where another process falls with 95 %, and ~ marks what was taken on a "
        "machine too busy or too unsteady"
    )


def _flatten(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flatten(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, "none" if value is None else str(value)
