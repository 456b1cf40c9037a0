"""``smnas``: the command line. One file per command; the table below is the whole list.

Commands import what they need when they run, so that help, ``front`` and ``report`` start at once:
importing torch takes seconds.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import typer

from smnas.cli.dashboard_command import dashboard
from smnas.cli.data_check_command import check
from smnas.cli.data_command import data
from smnas.cli.data_convert_command import convert
from smnas.cli.default_group import DEFAULT, DefaultGroup
from smnas.cli.describe_command import describe
from smnas.cli.evaluate_command import evaluate
from smnas.cli.export_command import export
from smnas.cli.front_commands import front, report
from smnas.cli.measure_command import measure
from smnas.cli.output import complain
from smnas.cli.package_commands import package, replay
from smnas.cli.plan_command import plan
from smnas.cli.predict_command import predict
from smnas.cli.retarget_command import retarget
from smnas.cli.search_command import search
from smnas.cli.train_command import train
from smnas.errors import SmnasError

FAILED = 1


@dataclass(frozen=True)
class Command:
    """One command, and an example of its use for its help."""

    function: Callable[..., None]
    example: str
    beside: "Mapping[str, Command]" = field(default_factory=dict[str, "Command"])
    """Further commands under the same name: ``smnas data check`` beside ``smnas data``."""


COMMANDS = {
    "search": Command(
        search, "smnas search my/annotations.json --images my/pictures --out runs/mine"
    ),
    "plan": Command(plan, "smnas plan my/annotations.json --images my/pictures --hours 5"),
    "front": Command(front, "smnas front runs/trees --json"),
    "report": Command(report, "smnas report runs/trees"),
    "dashboard": Command(dashboard, "smnas dashboard runs/trees --port 8081"),
    "predict": Command(predict, "smnas predict runs/trees my/picture.jpg --out found"),
    "train": Command(train, "smnas train retinanet-r18-quarter trees --epochs 12 --out trained"),
    "evaluate": Command(evaluate, "smnas evaluate runs/trees trees --split test --json"),
    "export": Command(export, "smnas export runs/trees --out detector.onnx"),
    "package": Command(package, "smnas package runs/trees --out packages"),
    "replay": Command(replay, "smnas replay runs/trees/packages/0021"),
    "retarget": Command(
        retarget, "smnas retarget runs/trees --device-report packages/*/device-report.json"
    ),
    "measure": Command(
        measure, "smnas measure my/annotations.json --images my/pictures --blocks --out edge"
    ),
    "describe": Command(describe, "smnas describe sm-nas-e2 --classes 80 --json"),
    "data": Command(
        data,
        "smnas data my/annotations.json --images my/pictures",
        beside={
            "check": Command(check, "smnas data check my/annotations.json --json"),
            "convert": Command(convert, "smnas data convert my/VOC2012 my/coco --to coco"),
        },
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process.

    The exit code is 0 when the work is done, 1 when it failed, and 2 when the call is wrong.

    Args:
        arguments: What stands behind ``smnas``; None: those of this process.
    """
    make_app()(args=None if arguments is None else list(arguments), prog_name="smnas")


def make_app() -> typer.Typer:
    """Return the command line with all commands."""
    app = typer.Typer(
        name="smnas",
        help="Neural architecture search for object detection: from pictures to a front of trained "
        "detectors.",
        epilog="Example: smnas search trees --out runs/trees",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, command in COMMANDS.items():
        if command.beside:
            _add_group(app, name, command)
        else:
            _add_command(app, name, command)
    return app


def _add_command(app: typer.Typer, name: str, command: Command) -> None:
    app.command(name, epilog=f"Example: {command.example}")(_guarded(command.function))


def _add_group(app: typer.Typer, name: str, command: Command) -> None:
    """Add the commands under one name; the first is meant where none is named."""
    told = inspect.getdoc(command.function) or ""
    group = typer.Typer(cls=DefaultGroup)
    for inner_name, inner in {DEFAULT: command, **command.beside}.items():
        _add_command(group, inner_name, inner)
    app.add_typer(
        group,
        name=name,
        help=f"{told}\n\n`{name}` alone means `{name} {DEFAULT}`.",
        short_help=told.partition("\n")[0],
        epilog=f"Example: {command.example}",
    )


def _guarded(function: Callable[..., None]) -> Callable[..., None]:
    """Return the command with errors of ours told in words and turned into exit codes.

    So are files that are there but cannot be used as they are meant: by permission, on a disk that
    is read-only, a folder in place of a file. Any other error is a fault of smnas: it keeps its
    traceback, and Python's exit code is 1.
    """

    @functools.wraps(function)
    def call(*args: object, **options: object) -> None:
        try:
            function(*args, **options)
        except SmnasError as error:
            complain(str(error))
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            if error.filename is None or isinstance(error, FileNotFoundError):
                raise
            complain(f"{error.filename}: {error.strerror}; name another place, or mend this one")
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt:
            complain("stopped before the end; the same call begins again")
            raise typer.Exit(FAILED) from None

    return call


def _show_version(wanted: bool) -> None:
    if wanted:
        from smnas import __version__

        print(__version__)
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version and end."
    ),
) -> None:
    """Hold the options that belong to no command."""
