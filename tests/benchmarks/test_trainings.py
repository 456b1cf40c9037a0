"""What the closed table and the study of the recipe train next, and one training of the table."""

from functools import partial

import pytest

TINY = "scenes:easy,train=16,val=8,test=8,size=64"


class Kept(dict):
    """A journal in memory, of records that are made up."""

    def __iter__(self):
        return iter(self.values())


def all_of(next_training, records, make):
    """Return the keys of what is begun one after another, none ending before nothing is left."""
    begun = dict.fromkeys(records.keys())
    order = []
    while (piece := next_training(begun.keys())) is not None:
        begun[piece.key] = None
        order.append(piece.key)
    for key in order:
        records[key] = make(key)
    return order


def test_members_get_further_seeds_when_all_have_one(monkeypatch):
    import table
    from table_members import load_plan

    monkeypatch.setattr(table, "NEAR", 5)
    monkeypatch.setattr(table, "RANDOM", 3)
    records = Kept()
    made = iter(range(10_000))

    def make(key):
        at = next(made)
        return {"macs_g": 1.0 + at % 7, "rungs": [{"ap_val": at / 1000}] if at % 9 else []}

    next_training = partial(table.next_training, records, "no data")
    first = all_of(next_training, records, make)
    assert first == [f"{arch} s0" for arch in load_plan().members]
    again = all_of(next_training, records, make)
    assert len(again) == 2 * (5 + 3)
    assert all(records[key.rpartition(" ")[0] + " s0"]["rungs"] for key in again)
    assert all_of(next_training, records, make) == []


def test_changes_are_made_together_when_the_recipe_is_known(monkeypatch):
    import from_scratch
    from from_scratch_studies import FACTORS

    monkeypatch.setattr(from_scratch, "SEEDS", 2)
    records = Kept()
    labels = {}

    def next_training(begun):
        piece = from_scratch.next_training(records, begun)
        if piece is not None:
            labels[piece.key] = piece.labels["label"]
        return piece

    def make(key):
        helps = labels[key] in ("batch=4", "averaging=0.9", "averaging=0.98")
        seed = int(key.split(" s")[1].split()[0])
        return {"ap_val": 0.1 + 0.05 * helps + 0.01 * seed + 0.01 * labels[key].endswith("0.98")}

    plain = all_of(next_training, records, make)
    studied = {labels[key] for key in plain}
    assert studied >= set(FACTORS)
    together = all_of(next_training, records, make)
    assert [labels[key] for key in together] == ["averaging=0.98 + batch=4"] * 2
    assert all_of(next_training, records, make) == []
    numbers = from_scratch.sum_up(records)
    assert numbers["best_recipe"] == "averaging=0.98"
    assert numbers["ap_bn"] == pytest.approx(0.105)


@pytest.mark.slow
def test_a_member_goes_up_the_rungs():
    import table
    from table_members import load_plan
    from table_setting import Setting

    from smnas.trial.budget import Budget

    record = table.train_member(load_plan().members[0], 0, Setting(TINY, Budget(epochs=4)))
    assert [rung["epochs"] for rung in record["rungs"]] == [1, 4]
    assert all(0 <= rung["ap_test"] <= 1 for rung in record["rungs"])
    assert record["macs_g"] > 0


def test_members_are_timed_in_turns_and_none_twice(monkeypatch, tmp_path):
    import table
    from closed_table import load_table
    from journal import Journal
    from table_members import load_plan

    from smnas.measure.standalone import Effort

    arch = load_plan().members[0]
    rung = {"cooldown_epochs": 0, "seconds_per_epoch": 1, "evaluate_seconds": 1}
    rungs = [{"epochs": 9, "ap_val": 0.1, "ap_test": 0.1, **rung}]
    counted = {"macs_g": 0.1, "params_m": 0.1, "start_seconds": 0.1}
    records, times = Journal(tmp_path / "records.jsonl"), Journal(tmp_path / "times.jsonl")
    records.add(f"{arch} s0", {"arch": arch, "seed": 0, "rungs": rungs, **counted})
    monkeypatch.setattr(table, "EFFORT", Effort(seconds=0.01, min_repeats=1, max_warmup=1))
    monkeypatch.setattr(table, "TURNS", 2)
    for _ in range(2):
        table.measure_latencies(records, times, TINY)
    assert [record["key"] for record in times] == [f"{arch} turn=0", f"{arch} turn=1"]
    (member,) = load_table(tmp_path / "records.jsonl", tmp_path / "times.jsonl").trained
    low, high = sorted(record["latency_ms"] for record in times)
    assert 0 < low <= member.latency_ms <= high
