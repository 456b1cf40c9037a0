"""Measurements as a table and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table

from smnas.report.wording import milliseconds, percent, three_digits
from smnas.trial.measurement import AccuracyProtocol, Measurement


def measured_json(found: Sequence[Measurement]) -> dict[str, Any]:
    """Return each number under its name, and its interval beside it.

    Accuracies on the test split carry ``_test`` behind their name, as in ``smnas front --json``.
    """
    facts: dict[str, Any] = {}
    for item in found:
        facts[_name(item)] = item.value
        if item.interval is not None:
            facts[f"{_name(item)}_interval"] = list(item.interval)
        if item.flag is not None:
            facts[f"{_name(item)}_flag"] = item.flag
    return facts


def measured_table(found: Sequence[Measurement]) -> Table:
    """Return a table of numbers with unit and interval; AP is times 100."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("metric")
    table.add_column("value (95 % interval)", justify="right")
    table.add_column("unit")
    for item in found:
        if isinstance(item.protocol, AccuracyProtocol):
            name = f"{item.metric}, {item.protocol.split}"
            table.add_row(name, measured_text(item), "x 100")
        elif item.metric == "latency_ms":
            table.add_row("time", measured_text(item), "ms a picture")
            if item.flag is not None:
                table.caption = f"~ the time is uncertain: {item.flag}"
        else:
            table.add_row(item.metric, measured_text(item), item.unit)
    return table


def measured_text(item: Measurement) -> str:
    """Return a number with its interval, as people read it; AP is times 100."""
    if isinstance(item.protocol, AccuracyProtocol):
        return percent(item.value, item.interval)
    if item.protocol.kind == "latency":
        return milliseconds(item.value, item.interval, item.flag)
    return three_digits(item.value)


def _name(item: Measurement) -> str:
    on_test = isinstance(item.protocol, AccuracyProtocol) and item.protocol.split == "test"
    return f"{item.metric}_test" if on_test else item.metric
