"""Measurements of a search that is played: from a table or a formula, and taken from no device."""

from functools import cache

from smnas.trial.measurement import AccuracyProtocol, CountProtocol, LatencyProtocol, Measurement

Protocol = AccuracyProtocol | LatencyProtocol | CountProtocol
UNITS = {"latency_ms": "ms", "macs_g": "G", "params_m": "M"}
"""Of all that is no accuracy."""


def made_up(source: str, **values: float) -> tuple[Measurement, ...]:
    """Return numbers by metric as measurements; ``source`` stands for device and rules."""
    return tuple(
        Measurement(
            metric=metric,
            value=value,
            unit=UNITS.get(metric, "1"),
            protocol=_protocol(source, metric),
        )
        for metric, value in values.items()
    )


@cache
def _protocol(source: str, metric: str) -> Protocol:
    same = {"runtime": source, "precision": source, "device": source, "versions": {}}
    if metric == "latency_ms":
        return LatencyProtocol(**same, batch=1, threads=1, warmup=0, repeats=1)
    if metric in UNITS:
        return CountProtocol(rule=source)
    return AccuracyProtocol(**same, split="val", data_id=source, pictures=1, replicates=0)
