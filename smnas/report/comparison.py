"""Recommended and yardstick side by side: each number as a mark with its interval on one scale."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from smnas.report.tables import FrontRow, judged_on
from smnas.report.verdict import recommended_row, yardstick_row
from smnas.report.wording import milliseconds, percent
from smnas.trial.metrics import find_metric

_MARGIN = 0.12
"""Room on both sides of the outermost interval, as a share of the scale."""


@dataclass(frozen=True)
class Mark:
    """One number on the scale; positions are shares of its width, in percent."""

    who: Literal["recommended", "yardstick"]
    text: str
    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Strip:
    """One metric of both detectors on a common scale."""

    title: str
    hint: str
    marks: tuple[Mark, ...]


def comparison_strips(rows: Sequence[FrontRow]) -> list[Strip]:
    """Return a strip for accuracy and one for time; empty while there is nothing to recommend."""
    shown: list[tuple[Literal["recommended", "yardstick"], FrontRow]] = []
    if (chosen := recommended_row(rows)) is not None:
        shown.append(("recommended", chosen))
        if (yardstick := yardstick_row(rows)) is not None:
            shown.append(("yardstick", yardstick))
    if not shown:
        return []
    on_test = all(row["accuracy_test"] is not None for _, row in shown)
    name = "accuracy_test" if on_test else "accuracy"
    accuracy = find_metric(shown[0][1]["accuracy_metric"]).title
    title = f"{accuracy} x 100, {'test split' if on_test else judged_on(shown[0][1])}"
    strips = (
        _strip(title, "further right is better", shown, name, _accuracy(name)),
        _strip(_time_title(rows), "further left is better", shown, "latency_ms", _time),
    )
    return [strip for strip in strips if strip is not None]


def _strip(
    title: str,
    hint: str,
    shown: Sequence[tuple[Literal["recommended", "yardstick"], FrontRow]],
    name: str,
    write: Callable[[FrontRow], str],
) -> Strip | None:
    values = [row[name] for _, row in shown]
    if None in values:
        return None
    spans = [row[f"{name}_interval"] or [row[name], row[name]] for _, row in shown]
    low = min(span[0] for span in spans)
    high = max(span[1] for span in spans)
    room = _MARGIN * (high - low) or 1.0
    scale = high - low + 2 * room

    def place(value: float) -> float:
        return round(100 * (value - low + room) / scale, 2)

    marks = tuple(
        Mark(who, write(row), place(row[name]), *map(place, span[:2]))
        for (who, row), span in zip(shown, spans, strict=True)
    )
    return Strip(title, hint, marks)


def _accuracy(name: str) -> Callable[[FrontRow], str]:
    return lambda row: percent(row[name], row[f"{name}_interval"])


def _time_title(rows: Sequence[FrontRow]) -> str:
    predicted = any(row["latency_ms_predicted_for"] for row in rows)
    return "Time per picture, ms" + (", predicted" if predicted else "")


def _time(row: FrontRow) -> str:
    return milliseconds(row["latency_ms"], row["latency_ms_interval"], row["latency_ms_flag"])
