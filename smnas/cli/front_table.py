"""The front as a table in a terminal: whole for ``smnas front``, at a glance for the live view."""

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from smnas.report.objectives import recommended_rule
from smnas.report.tables import FrontRow, judged_on, remarks_on_times
from smnas.report.wording import milliseconds, percent, three_digits
from smnas.trial.metrics import DEFAULT_OBJECTIVES, false_alarms, find_metric

_SHOWN = ("ap", "ap50", "latency_ms")
"""What every front shows; further objectives follow, or where there are none multiply-adds."""
_SHORT = {
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ap_small": "AP s.",
    "ap_medium": "AP m.",
    "ap_large": "AP l.",
    "macs_g": "G MACs",
    "params_m": "M par.",
}
"""Narrow, so that a front with all its intervals fits 80 columns."""


def front_table(rows: Sequence[FrontRow]) -> Group:
    """Return the front, best AP first, the yardstick in its place, with all intervals.

    The archs stand below the numbers, by trial: beside them they would not fit a terminal.
    """
    on_test = any(row["accuracy_test"] is not None for row in rows)
    judged = _short(rows[0]["accuracy_metric"]) if rows else ""
    table = _empty_table(rows)
    wanted = rows[0]["objectives"] if rows else {}
    further = [name for name in wanted if name not in _SHOWN] or ["macs_g"]
    names = ("trial", "AP", "AP50", *([f"{judged} test"] if on_test else []), _ms(rows))
    for name in (*names, *(_short(name) for name in further), "epochs"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells = [
            str(row["trial"]),
            _two_lines(percent(row["ap"], row["ap_interval"])),
            _two_lines(percent(row["ap50"], row["ap50_interval"])),
            *(
                [_two_lines(percent(row["accuracy_test"], row["accuracy_test_interval"]))]
                if on_test
                else []
            ),
            _two_lines(_time(row, row["latency_ms_interval"])),
            *(_further(row, name) for name in further),
            str(row["budget"]["epochs"]),
        ]
        _add(table, row, cells)
    archs = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    archs.add_column("")
    archs.add_column("trial", justify="right")
    archs.add_column("arch", overflow="fold")
    for row in rows:
        cells = (">" if row["recommended"] else "", str(row["trial"]), row["arch"])
        archs.add_row(*map(Text, cells), style=_style(row))
    return Group(table, archs, *map(Text, [*_folds(rows), *remarks_on_times(rows)]))


def _folds(rows: Sequence[FrontRow]) -> list[str]:
    """Return what AP is of, where it is not of the validation split alone."""
    if not rows or rows[0]["folds"] == 1:
        return []
    return [f"AP and AP50: {judged_on(rows[0])}, each judged by a training that has not seen it."]


def glance_table(rows: Sequence[FrontRow], limit: int) -> Table:
    """Return the front with one line per detector.

    Args:
        rows: From ``front_rows``.
        limit: Beyond this number the last are left out; recommended and yardstick stay.
    """
    table = _empty_table(rows)
    judged = _short(rows[0]["accuracy_metric"]) if rows else "AP50"
    for name in ("AP", judged, _ms(rows), "epochs"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("arch")
    shown = _shortened(rows, limit)
    for row in shown:
        cells = [
            percent(row["ap"]),
            percent(row["accuracy"], row["accuracy_interval"]),
            _time(row),
            str(row["budget"]["epochs"]),
        ]
        # The text gives way, not the column: among columns that cannot wrap rich cuts all of them.
        _add(table, row, cells, Text(row["arch"], no_wrap=True, overflow="ellipsis"))
    if len(shown) < len(rows):
        table.caption = f"{table.caption}; {len(rows) - len(shown)} more"
    return table


def _empty_table(rows: Sequence[FrontRow]) -> Table:
    final = bool(rows) and rows[0]["final"]
    rule = recommended_rule(rows[0]["objectives"] if rows else DEFAULT_OBJECTIVES)
    table = Table(
        title="The final front" if final else "The front so far",
        title_justify="left",
        title_style="bold",
        caption=f"> recommended: {rule}",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("  from", no_wrap=True)
    return table


def _add(table: Table, row: FrontRow, cells: Sequence[str], *last: Text) -> None:
    yardstick = row["stage"] == "yardstick"
    origin = "yardstick" if yardstick else f"stage {row['stage']}"
    mark = ">" if row["recommended"] else ""
    table.add_row(*map(Text, (f"{mark:1} {origin}", *cells)), *last, style=_style(row))


def _style(row: FrontRow) -> str:
    if row["recommended"]:
        return "bold green"
    return "yellow" if row["stage"] == "yardstick" else ""


def _further(row: FrontRow, metric: str) -> str:
    if metric == row["accuracy_metric"]:
        return _two_lines(percent(row["accuracy"], row["accuracy_interval"]))
    value = row["objectives"].get(metric, row["macs_g"])
    return percent(value) if find_metric(metric).kind == "accuracy" else three_digits(value)


def _short(metric: str) -> str:
    """Return what a narrow column is called."""
    if metric in _SHORT:
        return _SHORT[metric]
    return f"R@{false_alarms(metric):g}" if false_alarms(metric) else metric


def _ms(rows: Sequence[FrontRow]) -> str:
    """Return the heading of times, which may be of a device that is not here."""
    return "ms pred." if any(row["latency_ms_predicted_for"] for row in rows) else "ms"


def _time(row: FrontRow, interval: Sequence[float] | None = None) -> str:
    return milliseconds(row["latency_ms"], interval, row["latency_ms_flag"])


def _two_lines(text: str) -> str:
    """Put the interval below its value."""
    value, _, interval = text.partition(" ")
    return f"{value}\n{interval.strip('()')}" if interval else value


def _shortened(rows: Sequence[FrontRow], limit: int) -> list[FrontRow]:
    if len(rows) <= limit:
        return list(rows)
    must = [row for row in rows if row["recommended"] or row["stage"] == "yardstick"]
    others = [row for row in rows if row not in must][: max(0, limit - len(must))]
    return [row for row in rows if row in must or row in others]
