import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.main import get_command

from smnas.cli.main import COMMANDS, make_app
from smnas.experiment.config import SearchConfig
from smnas.experiment.plan import Plan, PlannedStage
from smnas.experiment.workplace import Workplace
from smnas.trial.budget import Budget

Call = Callable[..., Any]
PLAN = Plan((PlannedStage("stage one", 12, Budget(epochs=3)),), 90.0, 55.0, 700.0)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[SearchConfig, Workplace]]:
    asked: list[tuple[SearchConfig, Workplace]] = []

    def stand_in(
        config: SearchConfig, workplace: Workplace, note: Callable[[str], None]
    ) -> tuple[Plan, tuple[str, ...]]:
        asked.append((config, workplace))
        note("reading pictures")
        return PLAN, ("train: 12 pictures",)

    monkeypatch.setattr("smnas.experiment.search.plan_search", stand_in)
    return asked


def test_plan_has_the_options_of_search() -> None:
    commands = get_command(make_app()).commands
    names = [[p.name for p in commands[name].params] for name in ("plan", "search")]
    assert names[0] == names[1]
    assert inspect.getdoc(COMMANDS["plan"].function) != inspect.getdoc(COMMANDS["search"].function)


def test_plan_is_said_in_words(call: Call, planned: list[tuple[SearchConfig, Workplace]]) -> None:
    found = call("plan", "trees", "--hours", "5", "--constraint", "params_m <= 5", "--seed", "0")
    assert found.exit_code == 0, found.stderr
    assert found.stdout.splitlines()[0] == "train: 12 pictures"
    assert "about 90 minutes on this machine, 55 MB of disk, 700 MB of memory" in found.stdout
    assert "reading pictures" in found.stderr
    ((config, workplace),) = planned
    assert workplace.workers is None
    assert (config.hours, config.seed) == (5.0, 0)
    assert [c.metric for c in config.constraints] == ["params_m"]


def test_plan_as_json(call: Call, planned: list[tuple[SearchConfig, Workplace]]) -> None:
    found = json.loads(call("plan", "trees", "--json", "--workers", "3").stdout)
    assert found["hours"] == 1.5
    assert found["stages"] == [{"name": "stage one", "trainings": 12, "epochs": 3}]
    ((config, workplace),) = planned
    assert config.constraints == ()
    assert workplace.workers == 3


def test_wrong_setting_ends_with_2(call: Call) -> None:
    assert call("plan", "trees", "--trials", "0").exit_code == 2
    assert call("plan", "nowhere.json").exit_code == 2
