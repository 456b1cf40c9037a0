from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna_dashboard
import pytest

Call = Callable[..., Any]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    def stand_in(storage: Any, **options: Any) -> None:
        names = [study.study_name for study in storage.get_all_studies()]
        asked.append({**options, "studies": names})

    monkeypatch.setattr(optuna_dashboard, "run_server", stand_in)
    return asked


def test_it_answers_to_this_machine_alone(
    call: Call, run_folder: Path, served: list[dict[str, Any]]
) -> None:
    found = call("dashboard", run_folder)
    assert found.exit_code == 0, found.stderr
    assert "http://127.0.0.1:8080/" in found.stderr
    assert (served[0]["host"], served[0]["port"]) == ("127.0.0.1", 8080)
    assert any(name.startswith("candidates") for name in served[0]["studies"])


def test_unless_told(call: Call, run_folder: Path, served: list[dict[str, Any]]) -> None:
    call("dashboard", run_folder, "--host", "0.0.0.0", "--port", "81")
    assert (served[0]["host"], served[0]["port"]) == ("0.0.0.0", 81)


def test_missing_extra_is_named(
    call: Call, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smnas.cli.dashboard_command.find_spec", lambda _: None)
    found = call("dashboard", run_folder)
    assert found.exit_code == 2
    assert "pip install 'smnas[dashboard]'" in found.stderr


def test_folder_without_a_run(call: Call, tmp_path: Path) -> None:
    assert call("dashboard", tmp_path).exit_code == 1
