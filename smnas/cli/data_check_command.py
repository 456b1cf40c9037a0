"""``smnas data check``: everything that is wrong with a data set, with what to do about it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from smnas.cli import options
from smnas.cli.output import print_json, remarks, results

if TYPE_CHECKING:
    from smnas.data.checks.finding import Finding
    from smnas.data.checks.input_sizes import SizesAtInput
    from smnas.data.sources import DataSpec
    from smnas.experiment.checkup import Checkup

SHOWN_PLACES = 5
"""Places of a finding that people are shown; JSON has them all."""
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
FAULTY = 1


def check(
    data: options.Data,
    images: options.Images = None,
    val: options.Val = None,
    test: options.Test = None,
    group_by: options.GroupBy = None,
    space: Annotated[
        str, typer.Option(help="Space whose inputs the objects are measured at, or a space file.")
    ] = "micro",
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Look for everything that is wrong with pictures and annotations, and say what to do.

    All pictures are read, and faults of the annotations do not end the check. Errors stop a
    training or make its numbers wrong, warnings probably cost accuracy, notes are good to know.
    The exit code is 1 where there are errors, otherwise 0; 2 means that the call is wrong.
    """
    from smnas.cli.specification import data_spec

    found = _check_shown(data_spec(data, images, val, test, group_by), space, seed or 0)
    if json:
        print_json(
            {
                "errors": found.count("error"),
                "warnings": found.count("warning"),
                "findings": [asdict(item) for item in found.findings],
                "notes": found.notes,
                "sizes_at_inputs": [asdict(item) for item in found.sizes],
                "noise_floor": asdict(found.floor) if found.floor else None,
            }
        )
    else:
        _print_checkup(found, results())
    if found.count("error"):
        raise typer.Exit(FAULTY)


def _check_shown(spec: "DataSpec", space: str, seed: int) -> "Checkup":
    """Check with a progress bar on stderr."""
    from smnas.experiment.checkup import check_data

    bar = Progress(
        TextColumn("reading pictures"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=remarks(),
        transient=True,
    )
    with bar:
        task = bar.add_task("pictures", total=None)
        return check_data(
            spec, space, seed, lambda done, total: bar.update(task, completed=done, total=total)
        )


def _print_checkup(found: "Checkup", console: Console) -> None:
    for item in found.findings:
        _print_finding(item, console)
    if found.sizes:
        console.print(_size_table(found.sizes))
    for note in found.notes:
        console.print(f"- {note}", markup=False)
    if found.floor and not any(item.check == "val-small" for item in found.findings):
        console.print(f"- {found.floor.sentence}", markup=False)
    counts = {name: found.count(name) for name in ("error", "warning", "note")}
    told = ", ".join(f"{n} {name}" + ("" if n == 1 else "s") for name, n in counts.items() if n)
    console.print(told or "Nothing is wrong with these data.", markup=False)


def _print_finding(item: "Finding", console: Console) -> None:
    where = f" in {item.split} ({item.file}): {item.message}"
    head = Text.assemble((item.severity, _STYLES[item.severity]), where)
    console.print(head, soft_wrap=True)
    for place in item.places[:SHOWN_PLACES]:
        console.print(f"    {place}", markup=False, soft_wrap=True)
    if len(item.places) > SHOWN_PLACES:
        console.print(f"    and {len(item.places) - SHOWN_PLACES:,} more (all with --json)")
    if item.advice:
        console.print(f"  -> {item.advice}", markup=False, soft_wrap=True)


def _size_table(sizes: "Sequence[SizesAtInput]") -> Table:
    from smnas.data.checks.input_sizes import INVISIBLE_PX

    table = Table(
        title="Objects of train at the searched inputs",
        title_justify="left",
        title_style="",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    levels = [level for level in sizes[0].levels if any(item.levels[level] for item in sizes)]
    blind = f"< {INVISIBLE_PX:g} px"
    for name in ("input", "side, px (5 %, median, 95 %)", blind, *levels):
        table.add_column(name, justify="left" if name == "input" else "right")
    for item in sizes:
        sides = ", ".join(f"{side:.0f}" for side in item.side_px)
        shares = [item.invisible, *(item.levels[level] for level in levels)]
        table.add_row(item.input, sides, *(f"{share:.0%}" for share in shares))
    return table
