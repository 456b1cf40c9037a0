"""What differs between the entries of the ablation, and what is said of them."""

import json

import pytest
from made_table import make_table, write_table

from smnas.search.parts import PLAIN, SearchParts


@pytest.fixture(name="ablation")
def fixture_ablation():
    import ablation

    return ablation


@pytest.fixture(name="parts_of")
def fixture_parts_of(ablation):
    from entries import load_entries, settings_of

    table, full = make_table(), load_entries()["smnas"]

    def parts_of(**changes):
        entries = ablation.ablate(full.with_changes(changes))
        return {name: settings_of(entry, table, 0).parts for name, entry in entries.items()}

    return parts_of


def differences(a: SearchParts, b: SearchParts) -> set[str]:
    return {name for name in SearchParts.model_fields if getattr(a, name) != getattr(b, name)}


@pytest.mark.parametrize("changes", [{}, {"allocation": "gain", "repeat_share": 0.2}])
def test_each_entry_differs_in_its_part_alone(ablation, parts_of, changes):
    found = parts_of(**changes)
    full, plain = found.pop("full"), found.pop("plain")
    switched = set(PLAIN.model_dump()) - differences(plain, PLAIN)
    assert set(ablation.PARTS) - {"rungs"} <= switched
    assert plain.rungs > 1
    assert differences(found.pop("paper"), plain) == {"rungs"}
    assert found.pop("screening_by_macs").screening == "macs"
    said = {name: name.partition("_")[::2] for name in found}
    for name, (how, part) in said.items():
        beside = plain if how == "only" else full
        assert differences(found[name], beside) == {part}
    for how in ("without", "only"):
        assert (how, "screening") in said.values()
    assert ("without" if changes else "with", "allocation") in said.values()
    assert found["only_repeat_share"].repeat_share == changes.get("repeat_share", 0.1)


def test_no_switch_is_forgotten(ablation):
    shares = {"eta", "screen_from", "offspring", "unscreened_share", "spared_share"}
    assert set(ablation.PARTS) == set(SearchParts.model_fields) - shares


def test_ratios_are_to_the_full_search(ablation):
    from entries import Entry

    entries = {name: Entry(algorithm="smnas") for name in ("full", "plain")}
    costs = {"full": [(10.0, 20.0)] * 4, "plain": [(30.0, 30.0)] * 3 + [None]}
    rows = ablation.describe(entries, costs, (100.0, 200.0))
    assert rows["full"]["seconds"]["ratio"] == 1.0
    assert rows["plain"]["arrived"] == 0.75
    assert rows["plain"]["epochs"]["ratio"] == 3.0
    assert rows["plain"]["seconds"]["ratio_low"] == 1.5
    assert rows["plain"]["seconds"]["ratio_high"] > 1.5


@pytest.mark.slow
def test_the_ablation_is_written(ablation, tmp_path, monkeypatch):
    monkeypatch.setattr("entries.CAP_TRAININGS", 20)
    path = tmp_path / "found.json"
    write_table(make_table(), tmp_path)
    given = ["--tables", tmp_path, "--records", tmp_path / "replays.jsonl", "--json", path]
    given += ["--seeds", 1]
    monkeypatch.setattr("sys.argv", ["ablation.py", *map(str, given)])
    ablation.main()
    rows = json.loads(path.read_text())["scenes"]
    assert rows["full"]["seconds"]["ratio"] == 1.0
    assert {"plain", "only_screening", "mo_asha"} <= set(rows)
    assert len({"with_rungs", "without_rungs"} & set(rows)) == 1
    assert all(row["seconds"]["median"] > 0 for row in rows.values())
