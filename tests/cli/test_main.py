"""The command line as a whole: help, exit codes, what is imported, where text goes."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smnas.cli import main
from smnas.cli.main import COMMANDS

Call = Callable[..., Any]
ROOT = Path(__file__).parents[2]


def in_another_process(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )


def test_there_are_the_commands_that_the_readme_names() -> None:
    assert sorted(COMMANDS) == [
        "dashboard",
        "data",
        "describe",
        "evaluate",
        "export",
        "front",
        "measure",
        "package",
        "plan",
        "predict",
        "replay",
        "report",
        "retarget",
        "search",
        "train",
    ]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_explains_and_shows_an_example(call: Call, name: str) -> None:
    result = call(name, "--help")
    assert result.exit_code == 0
    assert f"Example: smnas {name}" in " ".join(result.stdout.split())
    first_words = (COMMANDS[name].function.__doc__ or "").split()[:3]
    assert " ".join(first_words) in " ".join(result.stdout.split())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_examples_in_the_help_are_calls_that_parse(
    call: Call, name: str, monkeypatch: pytest.MonkeyPatch, run_folder: Path
) -> None:
    """Only the files are missing: each example ends in our own words, never as a usage error."""
    monkeypatch.chdir(run_folder.parent)
    (run_folder.parent / "runs" / "trees").mkdir(parents=True)
    if name in ("describe", "train"):
        pytest.skip("takes long: tests of its own")
    result = call(*COMMANDS[name].example.split()[1:])
    assert "Usage:" not in result.stderr
    assert result.stderr.startswith("smnas: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["front"],
        ["front", "no/such/folder"],
        ["search", "trees", "--trials", "many"],
        ["search", "trees", "--trials", "1"],
        ["search", "trees", "--space", "mikro"],
        ["search", "trees", "--config", "no-such-file.json"],
        ["search", "no-such-file.json"],
        ["describe"],
        ["describe", "retnanet"],
        ["evaluate", "no-such-weights", "trees"],
        ["predict", "no-such-run", "no-such-picture.jpg"],
        ["data", "threes"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_ends_with_2_and_says_why(call: Call, arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stderr.strip()
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_work_that_failed_ends_with_1(call: Call, tmp_path: Path) -> None:
    result = call("front", tmp_path)
    assert result.exit_code == 1
    assert "archive.sqlite" in result.stderr


def test_an_error_of_smnas_itself_keeps_its_traceback() -> None:
    code = (
        "import smnas.report.page as p; p.render_report = None\n"
        "from smnas.cli.main import main; main(['report', '.'])"
    )
    result = in_another_process(code)
    assert result.returncode == 1
    assert "TypeError: 'NoneType' object is not callable" in result.stderr


def test_a_file_that_cannot_be_used_is_told_in_words(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def forbidden(folder: Path, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "report.html")

    monkeypatch.setattr("smnas.report.page.render_report", forbidden)
    result = call("report", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == (
        "smnas: report.html: Permission denied; name another place, or mend this one\n"
    )


def test_ctrl_c_ends_with_words(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(folder: Path, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("smnas.report.page.render_report", interrupted)
    result = call("report", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == "smnas: stopped before the end; the same call begins again\n"


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["front"], ["report"]])
def test_what_reads_does_not_import_torch(arguments: list[str], run_folder: Path) -> None:
    if len(arguments) == 1 and arguments[0] != "--help":
        arguments = [*arguments, str(run_folder)]
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('torch imported:', 'torch' in sys.modules))\n"
        f"from smnas.cli.main import main; main({arguments!r})"
    )
    result = in_another_process(code)
    assert result.returncode == 0, result.stderr
    assert "torch imported: False" in result.stdout


def test_version(call: Call) -> None:
    import smnas

    assert call("--version").stdout.strip() == smnas.__version__


def test_main_ends_the_process_with_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["describe", "nonsense"])
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""
