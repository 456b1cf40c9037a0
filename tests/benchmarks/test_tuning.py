"""Every search is tuned with equal effort, and what wins is what the result reads."""

import json
import sys

import pytest
from made_table import make_table, write_table


@pytest.fixture(name="tuning")
def fixture_tuning():
    import tuning

    return tuning


def test_every_entry_tries_as_many_settings_and_the_values_of_today_are_among_them(tuning):
    from entries import settings_of

    table = make_table()
    assert set(tuning.GRIDS) == set(tuning.TODAY)
    for name, grid in tuning.GRIDS.items():
        today = tuning.TODAY[name]
        settings = [settings_of(today.with_changes(changes), table, 0) for changes in grid]
        assert len({s.model_dump_json() for s in settings}) == tuning.SETTINGS
        assert settings_of(today, table, 0) in settings


def test_the_committed_entries_are_those_that_are_tuned(tuning):
    from entries import TUNED, Tuned, load_entries

    assert set(load_entries()) == set(tuning.TODAY)
    if not Tuned.model_validate_json(TUNED.read_bytes()).tuned:
        assert load_entries() == tuning.TODAY


def test_the_least_median_wins_and_the_mean_decides_ties(tuning):
    tried = [
        ({"seeds": 4}, [(9.0, 9.0), (9.0, 9.0), None]),
        ({"seeds": 8}, [(8.0, 9.0), (8.0, 9.0), (8.0, 9.0)]),
        ({"seeds": 16}, [None, None, (1.0, 1.0)]),
    ]
    rows = tuning.rank(tried, (100.0, 50.0))
    assert [row["changes"]["seeds"] for row in rows] == [8, 4, 16]
    assert [row["median_seconds"] for row in rows] == [9.0, 9.0, 50.0]
    assert rows[2]["arrived"] == pytest.approx(1 / 3)


@pytest.mark.slow
def test_winners_are_written_and_nothing_is_replayed_twice(tuning, tmp_path, monkeypatch, capsys):
    from entries import load_entries

    write_table(make_table(), tmp_path)
    kept = ("random", "random_rungs")
    monkeypatch.setattr(tuning, "TODAY", {name: tuning.TODAY[name] for name in kept})
    monkeypatch.setattr(
        tuning,
        "GRIDS",
        {"random": tuning.cross(seeds=(4, 8)), "random_rungs": tuning.cross(eta=(3, 9))},
    )
    monkeypatch.setattr(tuning, "SETTINGS", 2)
    options = {
        "tables": tmp_path,
        "records": tmp_path / "tuning.jsonl",
        "tuned": tmp_path / "tuned.json",
        "json": tmp_path / "found.json",
        "seeds": 2,
    }
    given = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    monkeypatch.setattr(sys, "argv", ["tuning.py", *given, "--processes", "2"])
    tuning.main()
    found = json.loads(options["json"].read_text())["entries"]
    for name, entry in load_entries(options["tuned"]).items():
        assert found[name][0]["changes"].items() <= entry.changes.items()
        assert found[name][0]["median_seconds"] <= found[name][1]["median_seconds"]
    lines = options["records"].read_text()
    tuning.main()
    assert options["records"].read_text() == lines
    assert lines.count("\n") == 4
    monkeypatch.setattr(sys, "argv", ["tuning.py", *given, "--entries", "random"])
    options["tuned"].unlink()
    tuning.main()
    assert not options["tuned"].exists()
