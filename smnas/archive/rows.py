"""Between values and rows, in both directions, exact to the last bit."""

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from smnas.arch import DetectorArch
from smnas.trial.budget import Budget
from smnas.trial.measurement import AnyProtocol, Measurement, Protocol, protocol_id
from smnas.trial.pruning import PruneRule
from smnas.trial.trial import Failure, Origin, Outcome, Proposal, Stage

AnyRow = Row[Any]
"""A row as it was read; its columns are attributes."""
NewRow = dict[str, Any]
"""A row to be written, by column."""
_PROTOCOL: TypeAdapter[AnyProtocol] = TypeAdapter(Protocol)
_STAGES: dict[str, Stage] = {"1": 1, "2": 2, "final": "final", "yardstick": "yardstick"}


def proposal_row(number: int, proposal: Proposal, outcomes_known: int) -> NewRow:
    """Return the row of a trial that is about to start."""
    return {
        "number": number,
        "outcomes_known": outcomes_known,
        "stage": str(proposal.stage),
        "arch": str(proposal.arch),
        "arch_id": proposal.arch.arch_id,
        "origin": proposal.origin.model_dump(mode="json"),
        "budget": proposal.budget.model_dump(mode="json", exclude_none=True),
        "seed": proposal.seed,
        "continues": proposal.continues,
        "pruning": None if proposal.pruning is None else proposal.pruning.model_dump(mode="json"),
    }


def read_proposal(row: AnyRow) -> Proposal:
    """Return the proposal that ``row`` holds."""
    return Proposal(
        arch=DetectorArch.parse(row.arch),
        stage=_STAGES[row.stage],
        origin=Origin.model_validate(row.origin),
        budget=Budget.model_validate(row.budget),
        seed=row.seed,
        continues=row.continues,
        pruning=None if row.pruning is None else PruneRule.model_validate(row.pruning),
    )


def protocols_of(measurements: Iterable[Measurement]) -> dict[str, AnyProtocol]:
    """Return the protocols of ``measurements``, each once, by their ids."""
    return {protocol_id(item.protocol): item.protocol for item in measurements}


def protocol_row(key: str, protocol: AnyProtocol) -> NewRow:
    """Return the row of a protocol under its id."""
    return {"id": key, "body": protocol.model_dump(mode="json")}


def read_protocol(row: AnyRow) -> AnyProtocol:
    """Return the protocol that ``row`` holds."""
    return _PROTOCOL.validate_python(row.body)


def measurement_row(number: int, item: Measurement, *, later: bool) -> NewRow:
    """Return the row of one number."""
    low, high = item.interval or (None, None)
    return {
        "trial": number,
        "later": later,
        "metric": item.metric,
        "value": item.value,
        "unit": item.unit,
        "low": low,
        "high": high,
        "flag": item.flag,
        "protocol": protocol_id(item.protocol),
    }


def read_measurement(row: AnyRow, protocols: dict[str, AnyProtocol]) -> Measurement:
    """Return the number that ``row`` holds."""
    interval = None if row.low is None or row.high is None else (row.low, row.high)
    return Measurement(
        metric=row.metric,
        value=row.value,
        unit=row.unit,
        interval=interval,
        protocol=protocols[row.protocol],
        flag=row.flag,
    )


def outcome_row(number: int, outcome: Outcome) -> NewRow:
    """Return the row that says that trial ``number`` ended."""
    return {"trial": number, "weights": outcome.weights, "seconds": outcome.seconds}


def failure_row(number: int, failure: Failure) -> NewRow:
    """Return the row that says why trial ``number`` has no numbers."""
    return {"trial": number, "stage": failure.stage, "reason": failure.reason}


def read_outcome(
    row: AnyRow, failure: AnyRow | None, measurements: tuple[Measurement, ...]
) -> Outcome:
    """Return the outcome that its rows hold."""
    return Outcome(
        measurements=measurements,
        failure=None
        if failure is None
        else Failure.model_validate({"stage": failure.stage, "reason": failure.reason}),
        weights=row.weights,
        seconds=row.seconds,
    )
