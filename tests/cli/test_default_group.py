"""Commands under one name: the first is meant where none is named."""

import pytest
from typer import Typer, echo
from typer.testing import CliRunner

from smnas.cli.default_group import DefaultGroup


@pytest.fixture
def app() -> Typer:
    app = Typer(cls=DefaultGroup)

    @app.command()
    def show(data: str, seed: int = 0) -> None:
        echo(f"show {data} {seed}")

    @app.command()
    def check(data: str) -> None:
        echo(f"check {data}")

    return app


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["mine.json"], "show mine.json 0"),
        (["--seed", "3", "mine.json"], "show mine.json 3"),
        (["show", "mine.json"], "show mine.json 0"),
        (["check", "mine.json"], "check mine.json"),
        (["show", "check"], "show check 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_default_is_meant_where_no_command_is_named(app, arguments, printed):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == printed


def test_help_lists_the_commands(app):
    assert "check" in CliRunner().invoke(app, ["--help"]).stdout


def test_nothing_at_all_is_a_wrong_call(app):
    assert CliRunner().invoke(app, []).exit_code == 2
