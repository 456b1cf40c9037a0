"""The public names of the package, which are found when they are used."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_smnas_does_not_import_torch() -> None:
    code = "import smnas, sys; smnas.DetectorArch, smnas.search, smnas.__version__; "
    assert run(code + "print('torch' in sys.modules)") == "False"


@pytest.mark.parametrize(
    "before", ["pass", "import smnas.search", "from smnas.search import SmNas", "smnas.search"]
)
def test_search_is_room_and_function_whoever_comes_first(before: str) -> None:
    code = (
        f"import smnas\n{before}\n"
        "import sys, types; place = types.ModuleType('smnas.experiment.search')\n"
        "place.search = lambda data, out: (data, out)\n"
        "sys.modules['smnas.experiment.search'] = place  # the real one imports torch\n"
        "print(smnas.search('trees', out='runs/x'))\n"
        "import smnas.search.evolution as room; print(room.__name__)"
    )
    assert run(code) == "('trees', 'runs/x')\nsmnas.search.evolution"


def test_load_and_build_detector_are_the_rooms_own() -> None:
    import smnas
    from smnas.detector.build import build_detector
    from smnas.experiment.artifact import load
    from smnas.training.torchvision_weights import load_torchvision

    assert smnas.load is load
    assert smnas.load_torchvision is load_torchvision
    assert smnas.build_detector is build_detector


def test_an_unknown_name_is_an_attribute_error() -> None:
    import smnas

    with pytest.raises(AttributeError, match="it offers"):
        smnas.find  # noqa: B018


def project_table() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_file_that_the_code_reads_is_in_the_wheel() -> None:
    package = ROOT / "smnas"
    patterns = project_table()["tool"]["setuptools"]["package-data"]["smnas"]
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    there = {path for path in package.rglob("*") if path.is_file()}
    wanted = {path for path in there if path.suffix not in (".py", ".pyc")}
    assert len(wanted) > 30
    assert not wanted - shipped


def test_every_notice_is_among_the_licence_files() -> None:
    notices = {str(path.relative_to(ROOT)) for path in (ROOT / "smnas").rglob("NOTICE*")}
    assert {"NOTICE", "LICENSE", *notices} == set(project_table()["project"]["license-files"])
