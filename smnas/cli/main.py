"""``smnas``: the command line. One file per command; the table below is the whole list.

Commands import what they need when they run, so that help, ``front`` and ``report`` start at once:
importing torch takes seconds.
"""

import sys
import traceback
from collections.abc import Sequence

import click
import typer

from smnas.cli.data_command import data
from smnas.cli.describe_command import describe
from smnas.cli.evaluate_command import evaluate
from smnas.cli.front_commands import front, report
from smnas.cli.output import remarks
from smnas.cli.predict_command import predict
from smnas.cli.search_command import search
from smnas.cli.train_command import train
from smnas.errors import SmnasError

FAILED, WRONG_CALL = 1, 2

COMMANDS = {
    "search": search,
    "front": front,
    "report": report,
    "predict": predict,
    "train": train,
    "evaluate": evaluate,
    "describe": describe,
    "data": data,
}


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
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, function in COMMANDS.items():
        app.command(name, epilog=EXAMPLES[name])(function)
    return app


EXAMPLES = {
    "search": "Example: smnas search my/annotations.json --images my/pictures --trials 24 "
    "--out runs/mine",
    "front": "Example: smnas front runs/trees --json",
    "report": "Example: smnas report runs/trees",
    "predict": "Example: smnas predict runs/trees my/picture.jpg --score 0.4 --out found",
    "train": "Example: smnas train retinanet-r18-quarter trees --epochs 12 --out trained",
    "evaluate": "Example: smnas evaluate runs/trees trees --split test --json",
    "describe": "Example: smnas describe sm-nas-e2 --classes 80 --json",
    "data": "Example: smnas data my/annotations.json --images my/pictures",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process.

    The exit code is 0 when the work is done, 1 when it failed, and 2 when the call is wrong.
    """
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one call and return its exit code; errors are told on stderr."""
    try:
        code = make_app()(args=list(arguments), prog_name="smnas", standalone_mode=False)
    except SmnasError as error:
        _complain(str(error))
        return error.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _complain("stopped before the end; the same call begins again")
        return FAILED
    except BrokenPipeError:  # whoever read our output, such as `head`, has gone
        sys.stderr.close()
        return FAILED
    except Exception:  # noqa: BLE001 - the last place that can tell, and it tells everything
        traceback.print_exc()
        return FAILED
    return code if isinstance(code, int) else 0


def _complain(message: str) -> None:
    remarks().print(f"smnas: {message}", markup=False, soft_wrap=True)


def _version(wanted: bool) -> None:
    if wanted:
        from smnas import __version__

        print(__version__)
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and end."
    ),
) -> None:
    """Hold the options that belong to no command."""
