"""``smnas search``: what it hands on, and how it ends. The search itself is another room's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smnas.archive.archive import Archive
from smnas.cli.live import LiveView
from smnas.experiment.config import SearchConfig
from smnas.experiment.observer import Briefing, Observer, RunSummary
from smnas.experiment.workplace import Workplace
from smnas.report.tables import front_rows
from smnas.training.recipe import IMAGENET

Call = Callable[..., Any]


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch, run_folder: Path) -> dict[str, Any]:
    """Take the place of the search: note what is asked for, and end as a finished run does."""
    asked: dict[str, Any] = {}

    def stand_in(
        config: SearchConfig,
        folder: Path,
        observer: Observer,
        workplace: Workplace,
        storage: str | None,
    ) -> RunSummary:
        asked.update(config=config, folder=folder, observer=observer, workplace=workplace)
        archive = Archive.open(run_folder)
        rows = tuple(front_rows(archive.trials(), run_folder))
        archive.close()
        observer.announced(Briefing(folder, "a machine", ("data",), ("plan",), trainings=4))
        summary = RunSummary(folder, rows, 1, 0, 1.0, 1.0, run_folder / "report.html")
        observer.finished(summary)
        return summary

    monkeypatch.setattr("smnas.experiment.search.run_search", stand_in)
    return asked


def test_flags_win_over_the_file(call: Call, searched: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"data": {"source": "trees"}, "trials": 30, "seed": 5}))
    result = call("search", "--config", file, "--trials", 12, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    config = searched["config"]
    assert (config.trials, config.seed, config.data.source) == (12, 5, "trees")
    assert searched["folder"] == tmp_path / "out"


def test_all_flags_reach_the_search(call: Call, searched: dict[str, Any], tmp_path: Path) -> None:
    flags = ["--images", "pics", "--val", "v.json", "--test", "t.json", "--space", "paper"]
    flags += ["--trials", 9, "--hours", 2.5, "--seed", 3, "--device", "cuda:1", "--init", "w"]
    flags += ["--group-by", "film", "--disk-quota", 2.5, "--final-norm", "both"]
    flags += ["--plateau", 40, "--recipe", "paper", "--folds", 5]
    assert call("search", "my/boxes.json", *flags).exit_code == 0
    config = searched["config"]
    assert config.data.model_dump() == {
        "source": "my/boxes.json",
        "images": "pics",
        "val": "v.json",
        "test": "t.json",
        "group_by": "film",
        "folds": 5,
    }
    assert (config.space, config.trials, config.hours) == ("paper", 9, 2.5)
    assert (config.seed, config.device) == (3, "cuda:1")
    assert str(config.recipe.initial_weights) == "w"
    assert config.final_norm == ("bn", "gn-ws")
    assert config.plateau == config.settings(100).plateau == 40
    assert config.recipes.stage_two.peak_learning_rate == 0.24
    assert searched["folder"] == Path("runs/boxes")
    assert searched["workplace"].disk_quota_gib == 2.5


def test_objectives_and_constraints_reach_the_search(call: Call, searched: dict[str, Any]) -> None:
    flags = ["--objectives", "ap50,params_m", "--constraint", "latency_ms <= 30"]
    assert call("search", "trees", *flags, "--constraint", "macs_g >= 0.1").exit_code == 0
    config = searched["config"]
    assert config.objectives == ("ap50", "params_m")
    assert list(map(str, config.constraints)) == ["latency_ms <= 30", "macs_g >= 0.1"]


def test_the_run_folder_of_scenes_is_a_name_for_any_disk(
    call: Call, searched: dict[str, Any]
) -> None:
    assert call("search", "scenes:easy,train=400").exit_code == 0
    assert searched["folder"] == Path("runs/scenes-easy,train=400")


def test_people_see_the_search_and_its_last_screen(call: Call, searched: dict[str, Any]) -> None:
    result = call("search", "trees")
    assert isinstance(searched["observer"], LiveView)
    assert "a machine" in result.stdout
    assert "Recommended beside the yardstick" in result.stdout


def test_with_json_the_front_alone_is_on_stdout(call: Call, searched: dict[str, Any]) -> None:
    result = call("search", "trees", "--json")
    assert [row["recommended"] for row in json.loads(result.stdout)] == [False, True, False]
    assert "a machine" in result.stderr


def test_ctrl_c_says_how_to_go_on(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("smnas.experiment.search.run_search", interrupted)
    monkeypatch.setattr("sys.argv", ["smnas", "search", "trees", "--out", "my runs/1"])
    result = call("search", "trees", "--out", "my runs/1")
    assert result.exit_code == 1
    assert "kept in my runs/1" in result.stderr
    assert "smnas search trees --out 'my runs/1'" in result.stderr
    assert "Traceback" not in result.stderr


def test_imagenet_weights_reach_the_search(call: Call, searched: dict[str, Any]) -> None:
    assert call("search", "trees", "--init", "imagenet").exit_code == 0
    assert searched["config"].recipe.initial_weights == IMAGENET


def test_the_workplace_reaches_the_search(call: Call, searched: dict[str, Any]) -> None:
    flags = ["--workers", 4, "--address", "head:6379", "--gpus-per-trial", 0.5, "--device", "cuda"]
    assert call("search", "trees", *flags, "--trial-hours", 2, "--memory-mib", 900).exit_code == 0
    assert searched["workplace"] == Workplace(
        workers=4, address="head:6379", gpus_per_trial=0.5, trial_hours=2, memory_mib=900
    )


def test_a_workplace_that_makes_no_sense_is_refused_at_once(call: Call) -> None:
    result = call("search", "trees", "--workers", 0, "--gpus-per-trial", -1)
    assert result.exit_code == 2
    assert "workers: Input should be greater than or equal to 1; got 0" in result.stderr
    assert "gpus_per_trial: Input should be greater than 0; got -1.0" in result.stderr
