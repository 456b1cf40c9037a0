"""``smnas package`` and ``smnas replay``: folders that stand alone, and whether they still hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smnas.cli import options
from smnas.cli.output import print_json, remarks, results
from smnas.errors import ConfigError

if TYPE_CHECKING:
    from smnas.experiment.package import Package
    from smnas.experiment.replay import Replayed


def package(
    run: options.Run,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the folders are made; without it in RUN/packages."),
    ] = None,
    half: options.Half = False,
    int8: options.Int8 = False,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Of all finals and the yardstick, not of the front alone."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Make a folder that stands alone of each detector on the front of a finished run.

    It holds arch, weights, exported file, labels, numbers with intervals and protocol, environment,
    seed, a licence note, a page with a picture of what it finds, and measure.py, which times it on
    any device with NumPy and onnxruntime alone.
    """
    if half and int8:
        raise ConfigError("--half, --int8: expected one of the two; got both")

    from smnas.experiment.packaging import make_packages

    made = make_packages(
        run,
        out,
        precision="float16" if half else "int8" if int8 else "float32",
        everything=everything,
        note=_note,
    )
    if json:
        print_json([_package_facts(item) for item in made])
    else:
        for item in made:
            mark = " (recommended)" if item.facts.recommended else ""
            results().print(f"{item.folder}{mark}", markup=False, soft_wrap=True)


def replay(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder of a front package.", show_default=False),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="The pictures that its numbers are of; without it where the search read them.",
            show_default=False,
        ),
    ] = None,
    images: options.Images = None,
    val: options.Val = None,
    test: options.Test = None,
    group_by: options.GroupBy = None,
    json: options.Json = False,
) -> None:
    """Build the detector of a front package anew, measure it, and say whether its numbers hold.

    Accuracy holds inside its interval, on the same pictures; time inside the interval of a repeat,
    on the same machine with the same libraries, and is not compared elsewhere. The exit code is 1
    where something does not hold.
    """
    if data is None and any((images, val, test, group_by)):
        raise ConfigError("--images, --val, --test, --group-by: expected --data beside them")

    from smnas.cli.specification import data_spec
    from smnas.experiment.package import read_package
    from smnas.experiment.replay import replay as measure_again

    spec = None if data is None else data_spec(data, images, val, test, group_by)
    found = measure_again(read_package(folder), spec, _note)
    holds = not any(item.verdict == "does not hold" for item in found)
    if json:
        print_json({"holds": holds, "numbers": [_replayed_row(item) for item in found]})
    else:
        _tell(found, holds)
    if not holds:
        raise typer.Exit(1)


def _note(sentence: str) -> None:
    remarks().print(sentence, markup=False, soft_wrap=True)


def _package_facts(item: "Package") -> dict[str, Any]:
    facts = item.facts
    return {
        "folder": str(item.folder),
        "trial": facts.found_by.trial,
        "arch": facts.arch,
        "arch_id": facts.arch_id,
        "precision": facts.precision,
        "recommended": facts.recommended,
    }


def _replayed_row(item: "Replayed") -> dict[str, Any]:
    row: dict[str, Any] = {"name": item.name, "verdict": item.verdict, "reason": item.reason}
    for side, number in (("stored", item.stored), ("now", item.now)):
        row[side] = None if number is None else number.value
        interval = None if number is None else number.interval
        row[f"{side}_interval"] = None if interval is None else list(interval)
    return row


def _tell(found: "list[Replayed]", holds: bool) -> None:
    from rich import box
    from rich.table import Table

    from smnas.cli.measured import measured_text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "stored", "now", ""):
        table.add_column(name, no_wrap=True)
    for item in found:
        sides = ("" if m is None else measured_text(m) for m in (item.stored, item.now))
        table.add_row(item.name, *sides, item.verdict)
    results().print(table)
    for item in found:
        if item.reason is not None:
            results().print(f"{item.name}: {item.reason}", markup=False, soft_wrap=True)
    compared = sum(item.verdict != "not compared" for item in found)
    told = "All that was compared holds" if holds else "Not everything holds"
    results().print(f"{told} ({compared} of {len(found)} compared).", markup=False)
