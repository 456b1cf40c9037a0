"""The last screen of a search: what came of it, whether it paid, and what to do next."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from smnas.experiment.observer import RunSummary
from smnas.report.tables import FrontRow, judged_on, remarks_on_times
from smnas.report.verdict import judge, recommended_row, yardstick_row
from smnas.report.wording import MISSING, duration, megabytes, milliseconds, percent, three_digits
from smnas.trial.metrics import find_metric


def show_summary(console: Console, summary: RunSummary) -> None:
    """Print how the search ended."""
    console.print()
    failed = f", {summary.failed} failed" if summary.failed else ""
    refused = f", {summary.refused} kept from it by a constraint" if summary.refused else ""
    pruned = f", {summary.pruned} pruned" if summary.pruned else ""
    console.print(
        f"Done in {duration(summary.seconds)}: {summary.candidates} candidates trained{failed}"
        f"{refused}{pruned}.",
        markup=False,
    )
    if summary.rows:
        console.print(_front_in_words(summary), markup=False)
    chosen = recommended_row(summary.rows)
    if chosen is None:
        console.print("No detector was measured: nothing can be recommended.", markup=False)
    else:
        console.print(_side_by_side(chosen, yardstick_row(summary.rows)))
        verdict = judge(summary.rows)
        if verdict is not None:
            console.print(Panel(Text(verdict.sentence), border_style=_BORDERS[verdict.paid]))
    console.print(_next_steps(summary), soft_wrap=True)


def _front_in_words(summary: RunSummary) -> str:
    members = sorted(
        (row for row in summary.rows if row["stage"] != "yardstick"),
        key=lambda row: row["latency_ms"],
    )
    if not members:
        return "The front is empty."
    if len(members) == 1:
        return "One detector is on the front: no other is better in anything that it is judged by."
    fastest, slowest = (
        f"{milliseconds(row['latency_ms'])} ms at "
        f"{find_metric(row['accuracy_metric']).title} {percent(row['accuracy'])}"
        for row in (members[0], members[-1])
    )
    return (
        f"Detectors on the front: {len(members)}, from {fastest} to {slowest}"
        f"{', times as predicted' if _is_predicted(members) else ''} "
        f"({judged_on(members[0])}); "
        f"`smnas front {summary.folder}` lists them."
    )


def _is_predicted(rows: Sequence[FrontRow]) -> bool:
    return any(row["latency_ms_predicted_for"] for row in rows)


_BORDERS = {True: "green", False: "yellow"}


def _side_by_side(chosen: FrontRow, yardstick: FrontRow | None) -> Table:
    """Return the recommended detector beside the yardstick: accuracy, time, megabytes."""
    shown = [chosen, *([yardstick] if yardstick else [])]
    on_test = chosen["accuracy_test"] is not None
    accuracy = find_metric(chosen["accuracy_metric"]).title
    table = Table(
        title="Recommended beside the yardstick",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("")
    for name in ("recommended", "yardstick")[: len(shown)]:
        table.add_column(name, justify="right", overflow="fold")
    lines = {
        f"{accuracy} on the {'test' if on_test else 'validation'} split": [
            percent(row["accuracy_test"], row["accuracy_test_interval"])
            if on_test
            else percent(row["accuracy"], row["accuracy_interval"])
            for row in shown
        ],
        "milliseconds" + (", predicted" if _is_predicted(shown) else " per picture"): [
            milliseconds(r["latency_ms"], r["latency_ms_interval"], r["latency_ms_flag"])
            for r in shown
        ],
        "weights file": [_size(row) for row in shown],
        "G multiply-adds": [three_digits(row["macs_g"]) for row in shown],
        "M parameters": [three_digits(row["params_m"]) for row in shown],
        "arch": [row["arch"] for row in shown],
    }
    for line, cells in lines.items():
        table.add_row(line, *map(Text, cells))
    notes = (f"{accuracy} times 100; 95 % intervals in brackets", *remarks_on_times(shown))
    table.caption = "\n".join(notes)
    table.caption_justify = "left"
    return table


def _size(row: FrontRow) -> str:
    weights = row["weights"]
    return megabytes(Path(weights).stat().st_size) if weights else MISSING


def _next_steps(summary: RunSummary) -> Text:
    folder = summary.folder
    there = (
        "Times are predicted; to take those of the finals on the device, run measure.py in each "
        "package there:\n"
        f"  smnas package {folder} --all\n"
        f"  smnas retarget {folder} --device-report {folder}/packages/*/device-report.json\n\n"
    )
    return Text(
        f"Report (opens offline): {summary.report}\n\n"
        f"{there if _is_predicted(summary.rows) else ''}"
        "Next, on your own pictures:\n"
        f"  smnas predict {folder} my/picture.jpg --out found\n"
        f"  smnas package {folder}\n"
        "  smnas data my/annotations.json --images my/pictures\n"
        "  smnas search my/annotations.json --images my/pictures --out runs/mine"
    )
