"""The rows of ``smnas front RUN --json``, which the report and the last screen show as well."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from smnas.report.members import (
    candidate_stage,
    front_members,
    is_final,
    measured_value,
    recommended,
    standing,
    yardstick_trials,
)
from smnas.report.objectives import FRONT_OBJECTIVES, judged_metric
from smnas.report.wording import threads
from smnas.trial.front import Objective
from smnas.trial.front_chance import FRONT_CHANCE
from smnas.trial.measurement import AccuracyProtocol, Measurement, PredictionProtocol, Split
from smnas.trial.metrics import over_yardstick
from smnas.trial.trial import Trial


class FrontRow(TypedDict):
    """One detector of the front; AP is 0-1, missing values are None, intervals are [low, high]."""

    arch: str
    arch_id: str
    stage: Literal[1, 2, "yardstick"]
    trial: int
    ap: float
    ap_interval: list[float] | None
    ap50: float | None
    ap50_interval: list[float] | None
    ap_test: float | None
    ap_test_interval: list[float] | None
    ap50_test: float | None
    ap50_test_interval: list[float] | None
    accuracy_metric: str
    """What detectors are called better by: see ``judged_metric``."""
    accuracy: float | None
    accuracy_interval: list[float] | None
    accuracy_test: float | None
    accuracy_test_interval: list[float] | None
    accuracy_over_yardstick: float | None
    accuracy_over_yardstick_interval: list[float] | None
    accuracy_over_yardstick_test: float | None
    accuracy_over_yardstick_test_interval: list[float] | None
    front_chance: float | None
    """Chance that no other final dominates it, if all were measured once more; finals only."""
    front_chance_test: float | None
    latency_ms: float
    latency_ms_interval: list[float] | None
    latency_ms_flag: str | None
    """Why the time is not to be trusted, in words; None where nothing speaks against it."""
    latency_ms_predicted_for: str | None
    """The device that the time is predicted for; None where it was taken by clock."""
    macs_g: float | None
    params_m: float | None
    objectives: dict[str, float | None]
    budget: dict[str, int]
    weights: str | None
    final: bool
    folds: int
    """Trainings behind ``ap``: above 1 the pictures of train and val, each unseen by its own."""
    recommended: bool


def front_rows(
    trials: Sequence[Trial],
    run_folder: str | Path,
    objectives: Sequence[Objective] = FRONT_OBJECTIVES,
    *,
    final: bool | None = None,
) -> list[FrontRow]:
    """Return the front of a run, most accurate first, and the yardsticks as rows among them.

    After the final training the front is taken over the finals. Before it, it is the best so far of
    the candidates, each compared with those of equal budget.

    Args:
        trials: All trials of the run; those that are still running say that the final is not over.
        run_folder: The folder that the paths of weights are relative to.
        objectives: What the front is taken over.
        final: Whether the final training is over; None: what the trials say. Where some of them are
            left out they cannot say it.

    Returns:
        One row per detector. Exactly one member of the front is recommended (``recommended``). The
        yardstick never is. Empty where nothing is measured yet.
    """
    final = is_final(trials) if final is None else final
    members = front_members(trials, objectives, final=final)
    chosen = recommended(members, objectives)
    listed = [*members, *yardstick_trials(trials, final=final)]
    by_number = {trial.number: trial for trial in trials}
    folder = Path(run_folder).resolve()
    listed.sort(key=lambda trial: standing(trial, objectives))
    return [
        _row(trial, objectives, folder, candidate_stage(trial, by_number), final, trial is chosen)
        for trial in listed
    ]


def _row(
    trial: Trial,
    objectives: Sequence[Objective],
    folder: Path,
    stage: Literal[1, 2, "yardstick"],
    final: bool,
    chosen: bool,
) -> FrontRow:
    judged = judged_metric(objectives)
    numbers: dict[str, Any] = {"accuracy_metric": judged}
    lead = over_yardstick(judged)
    own: tuple[_Number, ...] = (
        ("accuracy", judged, "val"),
        ("accuracy_test", judged, "test"),
        ("accuracy_over_yardstick", lead, "val"),
        ("accuracy_over_yardstick_test", lead, "test"),
    )
    for name, metric, split in (*_NUMBERS, *own):
        found = trial.measurement(metric, split)
        numbers[name] = found.value if found else None
        if name not in _WITHOUT_INTERVAL:
            numbers[f"{name}_interval"] = _interval(found)
    return FrontRow(
        arch=str(trial.proposal.arch),
        arch_id=trial.proposal.arch.arch_id,
        stage=stage,
        trial=trial.number,
        **numbers,
        latency_ms_flag=_flag(trial.measurement("latency_ms")),
        latency_ms_predicted_for=predicted_for(trial.measurement("latency_ms")),
        objectives={o.metric: measured_value(trial, o) for o in objectives},
        budget=trial.proposal.budget.model_dump(exclude_none=True),
        weights=_weights(trial, folder),
        final=final,
        folds=folds_behind(trial.measurement("ap")),
        recommended=chosen,
    )


_Number = tuple[str, str, Split]
_NUMBERS: tuple[_Number, ...] = (
    ("ap", "ap", "val"),
    ("ap50", "ap50", "val"),
    ("ap_test", "ap", "test"),
    ("ap50_test", "ap50", "test"),
    ("latency_ms", "latency_ms", "val"),
    ("front_chance", FRONT_CHANCE, "val"),
    ("front_chance_test", FRONT_CHANCE, "test"),
    ("macs_g", "macs_g", "val"),
    ("params_m", "params_m", "val"),
)
_WITHOUT_INTERVAL = ("macs_g", "params_m", "front_chance", "front_chance_test")


def _interval(found: Measurement | None) -> list[float] | None:
    return list(found.interval) if found is not None and found.interval is not None else None


def folds_behind(found: Measurement | None) -> int:
    """Return how many trainings an accuracy comes from, each judged on what it had not seen."""
    protocol = None if found is None else found.protocol
    return protocol.folds if isinstance(protocol, AccuracyProtocol) else 1


def _flag(found: Measurement | None) -> str | None:
    return None if found is None else found.flag


def predicted_for(found: Measurement | None) -> str | None:
    """Return which device a time is predicted for, and how it is used, or None for one by clock."""
    protocol = None if found is None else found.protocol
    if not isinstance(protocol, PredictionProtocol):
        return None
    how = f"{protocol.runtime}, {protocol.precision}, {threads(protocol.threads)}"
    return f"{protocol.device} ({how})"


def judged_on(row: FrontRow) -> str:
    """Return in words which pictures a detector was judged on before the test."""
    return f"{row['folds']} folds of train and val" if row["folds"] > 1 else "validation split"


def remarks_on_times(rows: Sequence[FrontRow]) -> list[str]:
    """Return what device times are predicted for, and why which of them are not to be trusted."""
    devices = dict.fromkeys(filter(None, (row["latency_ms_predicted_for"] for row in rows)))
    return [
        *(
            f"ms: predicted for {device}, from blocks timed there; not measured"
            for device in devices
        ),
    ] + [
        f"~ the time of trial {row['trial']} is uncertain: {row['latency_ms_flag']}"
        for row in rows
        if row["latency_ms_flag"] is not None
    ]


def _weights(trial: Trial, folder: Path) -> str | None:
    if trial.outcome is None or trial.outcome.weights is None:
        return None
    path = folder / trial.outcome.weights
    return str(path) if path.exists() else None
