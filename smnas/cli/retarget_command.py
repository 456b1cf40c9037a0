"""``smnas retarget``: the front of a finished search on another device. Does not import torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smnas.cli import options
from smnas.cli.output import print_json, results

if TYPE_CHECKING:
    from smnas.experiment.retarget import Retargeted


def retarget(
    run: options.Run,
    device_report: Annotated[
        list[Path],
        typer.Option(
            "--device-report",
            metavar="FILE...",
            help="What measure.py wrote on the device: one of each member of the front, and any of "
            "other finals.",
            show_default=False,
        ),
    ],
    further: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Further reports: RUN --device-report packages/*/device-report.json",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Rank a finished search by times taken on another device; nothing is trained.

    The reports come from the run's front packages (`smnas package`) and must be of one protocol:
    device, runtime, threads, precision. With --json: the new front as in `smnas front --json`, and
    which trials stayed, left and joined.
    """
    from smnas.cli.front_table import front_table
    from smnas.experiment.retarget import retarget as rank

    found = rank(run, [*device_report, *(further or ())])
    if json:
        print_json(
            {
                "protocol": found.protocol.model_dump(),
                "front": found.rows,
                "changed": found.changed,
                "kept": found.kept,
                "left": found.left,
                "joined": found.joined,
                "recommended_before": found.recommended_before,
                "recommended": found.recommended,
            }
        )
        return
    results().print(front_table(found.rows))
    results().print(_sentence(found), markup=False, soft_wrap=True)


def _sentence(found: "Retargeted") -> str:
    protocol, members = found.protocol, len(found.kept) + len(found.left)
    threads = f"{protocol.threads} thread" + ("" if protocol.threads == 1 else "s")
    moved = [
        f"{word} {', '.join(map(str, numbers))}"
        for word, numbers in (("left: trial", found.left), ("joined: trial", found.joined))
        if numbers
    ]
    chosen = (
        "the same one is recommended"
        if found.recommended == found.recommended_before
        else f"recommended is trial {found.recommended}, not {found.recommended_before}"
    )
    return (
        f"On {protocol.device} ({protocol.runtime}, {protocol.precision}, {threads}) "
        f"{found.changed} members of the front changed; {len(found.kept)} of {members} stay"
        + "".join(f"; {item}" for item in moved)
        + f"; {chosen}."
    )
