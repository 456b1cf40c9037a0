import json

import pytest

from smnas.archive.header import RunHeader
from smnas.errors import ArchiveError, RunMismatchError
from smnas.experiment.resume import config_difference, open_run

CONFIG = {
    "data": {"source": "trees"},
    "space": "micro",
    "trials": 18,
    "hours": None,
    "seed": 0,
    "recipe": {"batch": 16, "optimizer": {"learning_rate": 0.002}},
    "clock": "device",
}


def make_header(**changes) -> RunHeader:
    config = {**CONFIG, **changes.pop("config", {})}
    fields = {
        "smnas_version": "0.1.0",
        "created": "2026-01-01",
        "data_ids": {"train": "aa", "val": "bb"},
        "space": {"name": "micro"},
        "machine": "two cores",
    }
    return RunHeader.model_validate({**fields, "config": config, **changes})


def test_new_run_keeps_its_configuration(tmp_path):
    folder = tmp_path / "runs" / "one"
    open_run(folder, make_header()).close()
    assert json.loads((folder / "config.json").read_text()) == CONFIG
    assert open_run(folder, make_header()).header == make_header()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"config": {"seed": 1}}, "seed: was 0, is 1"),
        ({"config": {"space": "paper"}}, "space: was micro, is paper"),
        (
            {"config": {"recipe": {"batch": 16, "optimizer": {"learning_rate": 0.1}}}},
            "recipe.optimizer.learning_rate: was 0.002, is 0.1",
        ),
        (
            {"config": {"data": {"source": "trees", "folds": 5}}},
            "data.folds: was not set, is 5",
        ),
        ({"config": {"trials": 17}}, "trials: was 18, is 17; it may grow, not shrink"),
        ({"smnas_version": "0.2.0"}, "smnas: was 0.1.0, is 0.2.0"),
        ({"data_ids": {"train": "aa", "val": "cc"}}, "the content of val has changed"),
        ({"space": {"name": "other"}}, "space: its content has changed"),
        ({"machine": "four cores"}, "machine: was two cores, is four cores"),
    ],
)
def test_other_search_is_refused_and_nothing_is_touched(tmp_path, changes, sentence):
    open_run(tmp_path / "run", make_header()).close()
    before = (tmp_path / "run" / "config.json").read_text()
    with pytest.raises(RunMismatchError) as caught:
        open_run(tmp_path / "run", make_header(**changes))
    assert sentence in str(caught.value)
    assert "--out" in str(caught.value)
    assert (tmp_path / "run" / "config.json").read_text() == before


def test_all_differences_are_named_at_once(tmp_path):
    open_run(tmp_path / "run", make_header()).close()
    with pytest.raises(RunMismatchError) as caught:
        open_run(tmp_path / "run", make_header(config={"seed": 1, "space": "paper"}))
    assert "seed: was 0, is 1" in str(caught.value)
    assert "space: was micro, is paper" in str(caught.value)


def test_trials_may_grow_and_the_archive_knows(tmp_path):
    open_run(tmp_path / "run", make_header()).close()
    open_run(tmp_path / "run", make_header(config={"trials": 30}, created="2026-02-02")).close()
    archive = open_run(tmp_path / "run", make_header(config={"trials": 30}))
    archive.close()
    assert archive.header.config["trials"] == 30
    assert archive.header.created == "2026-01-01"
    with pytest.raises(RunMismatchError, match="trials: was 30, is 18"):
        open_run(tmp_path / "run", make_header())


def test_moved_data_files_are_no_difference():
    assert config_difference(CONFIG, {**CONFIG, "data": {"source": "elsewhere/a.json"}}) == []


def test_stand_in_times_do_not_bind_a_run_to_its_machine(tmp_path):
    first = make_header(config={"clock": "stand-in"})
    open_run(tmp_path / "run", first).close()
    open_run(tmp_path / "run", first.model_copy(update={"machine": "four cores"})).close()


def test_leftover_of_a_start_that_was_killed_is_no_obstacle(tmp_path):
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "archive.sqlite.part").write_bytes(b"half")
    open_run(tmp_path, make_header()).close()


def test_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ArchiveError, match=r"thesis\.tex.*name a new folder with --out"):
        open_run(tmp_path, make_header())
    with pytest.raises(ArchiveError, match="is a file"):
        open_run(tmp_path / "thesis.tex", make_header())
