"""What rungs say and drop, on tables where that is known."""

import json
import math
from dataclasses import replace

import pytest
from made_table import make_table, write_table

LOWEST, MIDDLE, TOP = "1 of 9 epochs", "3 of 9 epochs", "9 epochs"


@pytest.fixture(name="proof")
def fixture_proof():
    import rung_proof

    return rung_proof


def rebuilt(table, change):
    """Return the table with each rung's result changed by ``change(member, rung)``."""
    from closed_table import ClosedTable

    members = []
    for member in table.members.values():
        trainings = tuple(
            tuple(replace(rung, ap_val=change(member, rung)) for rung in rungs)
            for rungs in member.trainings
        )
        members.append(replace(member, trainings=trainings))
    return ClosedTable(members)


def test_rungs_that_show_the_truth_keep_the_order_and_the_front(proof):
    found = proof.prove(make_table())
    assert found["members"] == 288
    for rung in (LOWEST, MIDDLE):
        numbers = found["rungs"][rung]
        assert numbers["tau"] == numbers["tau_test"] == pytest.approx(1.0)
        assert numbers["tau_beyond_macs"] == pytest.approx(1.0)
        assert numbers["tau_by_family"] == {"retina": 1.0, "rcnn": 1.0}
        assert numbers["dropped"]["ours"] <= 0.05
        # AP alone sends up what is dear.
        assert numbers["dropped"]["ap"] > 0.3
    assert set(found["rungs"][TOP]) == {"tau_test"}
    for rule, share in found["dropped_in_a_row"].items():
        assert share >= found["rungs"][LOWEST]["dropped"][rule]


def test_a_rung_that_shows_the_reverse_drops_the_front(proof):
    table = rebuilt(
        make_table(), lambda _, rung: rung.ap_val if rung.epochs == 9 else 0.5 - rung.ap_val
    )
    numbers = proof.prove(table)["rungs"][LOWEST]
    assert numbers["tau"] == pytest.approx(-1.0)
    assert numbers["dropped"]["ours"] > 0.3
    assert numbers["dropped"]["ap"] > 0.3


def test_what_multiply_adds_explain_is_no_agreement_beyond_them(proof):
    def by_cost(member, rung):
        """At the lower rungs what multiply-adds say, and a little of what says nothing."""
        chance = int(member.arch.arch_id[4:8], 16) / 65536
        low = 0.2 + math.log(member.macs_g) / 100 + chance / 1000
        return rung.ap_val if rung.epochs == 9 else low

    table = rebuilt(make_table(), by_cost)
    numbers = proof.prove(table)["rungs"][LOWEST]
    assert numbers["tau"] > 0.5
    assert abs(numbers["tau_beyond_macs"]) < numbers["tau"] / 2


def test_one_training_is_a_ladder_of_trials(proof):
    member = next(iter(make_table(noise=0.01).members.values()))
    low, middle, top = proof.climb(member, 5, 7)
    assert [trial.number for trial in (low, middle, top)] == [15, 16, 17]
    assert (low.proposal.continues, top.proposal.continues) == (None, 16)
    assert not top.proposal.budget.is_rung
    assert low.value("ap") == member.trainings[1][0].ap_val


def test_the_proof_is_written(proof, tmp_path, monkeypatch):
    path = tmp_path / "found.json"
    write_table(make_table(noise=0.01, failing=(4,)), tmp_path)
    given = ["--tables", tmp_path, "--json", path]
    monkeypatch.setattr("sys.argv", ["rung_proof.py", *map(str, given)])
    proof.main()
    found = json.loads(path.read_text())["scenes"]
    assert found["members"] == 287
    assert found["rungs"][LOWEST]["tau"] < found["rungs"][MIDDLE]["tau"] < 1
