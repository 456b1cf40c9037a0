"""``smnas describe``: what an arch is and costs; the spaces side by side."""

from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from smnas.cli import options
from smnas.cli.output import print_json, results
from smnas.errors import ConfigError

_COCO_CLASSES = 80


def describe(
    arch: Annotated[
        str | None,
        typer.Argument(
            help="Text form: WxH/BACKBONE/NECK/PROPOSALS/HEAD, then /KEY=VALUE as often as wanted; "
            "or a known name such as sm-nas-e0.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[int, typer.Option(min=1, help="Classes to tell apart.")] = _COCO_CLASSES,
    spaces: Annotated[
        bool, typer.Option("--spaces", help="Show the micro and the paper space side by side.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Describe a detector: its parts, parameters and multiply-adds, and those of its deployed form.

    Multiply-adds are counted for one picture on the padded input. What is trained with
    normalisation by groups (norm=gn-ws, norm=gn) is deployed as its twin with batch norm folded in.
    """
    if spaces == (arch is not None):
        raise ConfigError("describe: expected an arch or --spaces; give one of the two")
    if arch is None:
        _show_spaces(as_json=json)
        return
    facts = arch_facts(arch, classes)
    if json:
        print_json(facts)
    else:
        results().print(_facts_table(facts))


def arch_facts(text: str, classes: int) -> dict[str, Any]:
    """Return what ``describe --json`` prints for an arch.

    Raises:
        ArchError: The text describes no arch.
        NotBuiltYetError: This version cannot build it, and so cannot count it.
    """
    from smnas.arch import DetectorArch

    arch = DetectorArch.parse(text)
    return {
        **_counted(arch, classes),
        "classes": classes,
        "parts": arch.model_dump(mode="json"),
        "deployed": _counted(arch.deployed, classes),
    }


def _counted(arch: Any, classes: int) -> dict[str, Any]:
    from smnas.measure.cost import count_cost

    numbers = {item.metric: item.value for item in count_cost(arch, classes)}
    return {
        "arch": str(arch),
        "arch_id": arch.arch_id,
        "params_m": numbers["params_m"],
        "macs_g": numbers["macs_g"],
    }


def _facts_table(facts: dict[str, Any]) -> Table:
    table = _table("", str(facts["arch"]))
    deployed = facts["deployed"]
    twin = deployed["arch"] != facts["arch"]
    table.add_row("arch id", facts["arch_id"])
    table.add_row("parameters", f"{facts['params_m']:.3f} M with {facts['classes']} classes")
    table.add_row("multiply-adds", f"{facts['macs_g']:.3f} G for one picture")
    for part, fields in facts["parts"].items():
        table.add_row(part, _in_words(fields))
    if twin:
        table.add_row("deployed as", deployed["arch"])
        table.add_row("", f"{deployed['params_m']:.3f} M, {deployed['macs_g']:.3f} G")
    return table


def _in_words(fields: Any) -> str:
    if not isinstance(fields, dict):
        return str(fields)
    words = [f"{name} {_in_words(value)}" for name, value in fields.items() if name != "kind"]
    return ", ".join(([str(fields["kind"])] if "kind" in fields else []) + words)


def _show_spaces(*, as_json: bool) -> None:
    from smnas.space.known import describe_spaces

    rows = describe_spaces()
    if as_json:
        print_json(rows)
        return
    table = _table(*rows[0])
    for row in rows:
        table.add_row(*map(Text, row.values()))
    results().print(table)


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    return table
