"""``smnas dashboard``: a run in optuna-dashboard, live, while its search goes on."""

from importlib.util import find_spec
from typing import Annotated

import typer

from smnas.cli import options
from smnas.cli.output import remarks

Host = Annotated[
    str,
    typer.Option(
        help="Address to answer at. Only this machine sees the default; there is no log-in."
    ),
]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to answer at.")]


def dashboard(run: options.Run, host: Host = "127.0.0.1", port: Port = 8080) -> None:
    """Show a run in optuna-dashboard until Ctrl-C, also while its search goes on.

    Nothing is written to the run, and the search is not disturbed.
    """
    from smnas.archive.archive import Archive
    from smnas.errors import ConfigError
    from smnas.report.objectives import run_objectives

    if find_spec("optuna_dashboard") is None:
        raise ConfigError(
            "dashboard: needs packages that are not installed: pip install 'smnas[dashboard]'"
        )
    from optuna_dashboard import run_server

    from smnas.archive.optuna_view import OptunaView

    archive = Archive.open(run)
    view = OptunaView(archive, run_objectives(archive.header.config))
    remarks().print(f"{run}: http://{host}:{port}/ until Ctrl-C", markup=False, soft_wrap=True)
    try:
        run_server(view, host=host, port=port)
    finally:
        archive.close()
