"""``smnas front`` and ``smnas report``: what a run has found. Neither imports torch."""

from typing import Annotated

import typer

from smnas.cli import options
from smnas.cli.output import print_json, results


def front(run: options.Run, json: options.Json = False) -> None:
    """Print the front of a run, best AP first, with the yardstick beside it.

    Before the final training it is the best so far. With --json, AP is 0-1 and missing values are
    null; exactly one detector is recommended: the fastest with at least 95 % of the best AP (or the
    cheapest by the run's own objectives).
    """
    from smnas.archive.archive import Archive
    from smnas.cli.front_table import front_table
    from smnas.report.objectives import run_objectives
    from smnas.report.tables import front_rows

    archive = Archive.open(run)
    rows = front_rows(archive.trials(), run, run_objectives(archive.header.config))
    archive.close()
    if json:
        print_json(rows)
    elif rows:
        results().print(front_table(rows))
    else:
        results().print(f"{run}: nothing has been measured yet.", markup=False, soft_wrap=True)


def report(
    run: options.Run,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Show pictures of the data.")
    ] = True,
) -> None:
    """Write the report of a run, finished or not, and print its path.

    One HTML file that carries all it needs: it opens offline, and can be sent as it is.
    """
    from smnas.report.page import render_report

    print(render_report(run, pictures=pictures))
