"""A number with its unit, its interval and the protocol that says how it was taken."""

import hashlib
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

Split = Literal["train", "val", "test"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccuracyProtocol(_Value):
    """How an AP was taken."""

    kind: Literal["accuracy"] = "accuracy"
    runtime: str
    """What computed the predictions, such as ``torch-eager``."""
    precision: str
    device: str
    split: Split
    data_id: str
    pictures: int
    replicates: int
    """Bootstrap replicates over pictures behind the interval."""
    folds: int = Field(default=1, exclude_if=lambda folds: folds == 1)
    """Trainings that the predictions come from, each for the pictures that it had not seen."""
    versions: dict[str, str]


class LatencyProtocol(_Value):
    """How a time was taken; post-processing is always inside."""

    kind: Literal["latency"] = "latency"
    runtime: str
    """What ran the network, such as ``torch-eager``; ``stand-in`` when no clock was read."""
    precision: str
    device: str
    batch: int
    threads: int
    warmup: int
    repeats: int
    fresh_processes: bool = Field(default=False, exclude_if=lambda fresh: not fresh)
    """Whether several new processes took the time, in turns with a reference network: then the
    interval is where another process falls, else where the median of this process lies."""
    at_usual_pace: bool = Field(default=False, exclude_if=lambda corrected: not corrected)
    """Whether each repeat was set off against the reference network beside it: times are those at
    the device's usual pace, and not at that of the moment."""
    versions: dict[str, str]


class PredictionProtocol(_Value):
    """How a time was predicted that nobody took: from timed blocks, by whole detectors timed.

    The interval of such a number is where the measured time is expected with 95 %. A search by the
    report of another device knows times as ``latency_ms`` of this protocol, and of no other.
    """

    kind: Literal["prediction"] = "prediction"
    runtime: str
    precision: str
    device: str
    """Where blocks and detectors were timed."""
    batch: int
    threads: int
    versions: dict[str, str]
    detectors: int
    """Whole ones, by which the sum of the blocks was calibrated."""
    error: float
    """Median relative error of each of these, by the others."""
    report: str | None = Field(default=None, exclude_if=lambda report: report is None)
    """SHA-256 of the device report that the times come from; None: they were taken here."""


class CountProtocol(_Value):
    """A number that is counted, not measured: ``rule`` says what is counted."""

    kind: Literal["count"] = "count"
    rule: str


AnyProtocol = AccuracyProtocol | LatencyProtocol | PredictionProtocol | CountProtocol
Protocol = Annotated[AnyProtocol, Field(discriminator="kind")]


def protocol_id(protocol: AnyProtocol) -> str:
    """Return the first 12 hex digits of the SHA-256 of the protocol's JSON.

    Numbers of different protocols are never compared.
    """
    return hashlib.sha256(protocol.model_dump_json().encode()).hexdigest()[:12]


class Measurement(_Value):
    """One metric of one detector, such as ``ap50`` (0-1), ``latency_ms`` or ``macs_g``."""

    metric: str
    value: FiniteFloat
    unit: str
    """``1`` for ratios such as AP, ``ms``, ``G``, ``M``, ``MiB``."""
    interval: tuple[FiniteFloat, FiniteFloat] | None = None
    """95 % interval around ``value``; None for what is counted exactly."""
    protocol: Protocol
    flag: str | None = None
    """Why the value is not to be trusted, in words, such as a machine that was busy; None where
    nothing speaks against it."""

    @model_validator(mode="after")
    def _interval_is_ordered(self) -> Self:
        if self.interval is not None and self.interval[0] > self.interval[1]:
            raise ValueError(f"interval runs upwards; got {list(self.interval)}")
        return self


def predicted(metric: str) -> str:
    """Return the name of a prediction of ``metric``, which is no metric of a search."""
    return f"{metric}_predicted"
