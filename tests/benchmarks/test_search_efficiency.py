"""The closed table and its replays, on tables that are made up here and published nowhere."""

import json
import math

import numpy as np
import pytest

from smnas.search.algorithms import ALGORITHMS
from smnas.space.coding import as_built


@pytest.fixture(name="tables")
def fixture_tables():
    import closed_table
    import replay
    import search_efficiency
    import table_members

    return closed_table, replay, search_efficiency, table_members


def make_table(closed_table, noise=0.0, failing=()):
    """AP with diminishing returns in cost and a quirk of each member; rungs show less of it."""
    space = closed_table.TableSpace()
    members = []
    for at, arch in enumerate(space.enumerate()):
        planes = arch.backbone.base * (1 + arch.backbone.code.count("1") / 4)
        cost = arch.input.width * arch.input.height * planes * len(arch.neck.levels) / 1e6
        quirk = int(arch.arch_id[:4], 16) / 65536
        ap = 0.1 + 0.05 * math.log(1 + cost) + 0.02 * quirk
        rng = np.random.default_rng(at)
        trainings = tuple(
            tuple(
                closed_table.RungResult(
                    epochs=epochs,
                    cooldown_epochs=0.2 * epochs if epochs < 9 else 0.0,
                    ap_val=ap * (0.4 + epochs / 15) + noise * float(rng.normal()),
                    ap_test=ap * (0.4 + epochs / 15),
                    seconds_per_epoch=0.5 + cost / 10,
                    evaluate_seconds=0.5,
                )
                for epochs in (1, 3, 9)
            )
            for _ in range(2)
        )
        members.append(
            closed_table.Member(
                arch=arch,
                trainings=() if at in failing else trainings,
                latency_ms=1 + cost,
                macs_g=cost,
                params_m=0.1,
                start_seconds=0.3,
                time_seconds=0.7,
            )
        )
    return closed_table.ClosedTable(members)


def table_without_noise():
    import closed_table

    return make_table(closed_table)


def test_members_are_fully_crossed_and_each_another_network(tables):
    closed_table, _, _, table_members = tables
    members = list(table_members.draw_members())
    assert len(members) == 24 * 12
    assert len(set(map(as_built, members))) == len(members)
    plan = table_members.load_plan()
    assert plan.members == tuple(map(str, members))
    assert plan.codes == table_members.draw_codes()
    space = closed_table.TableSpace()
    assert set(space.enumerate()) == set(members)
    assert [space.decode(space.encode(arch)) for arch in members] == members


@pytest.mark.slow
def test_which_codes_are_near_follows_from_the_rule(tables):
    *_, table_members = tables
    assert table_members.draw_plan() == table_members.load_plan()


def test_moves_stay_in_the_table_have_a_way_back_and_reach_every_member(tables):
    closed_table, _, _, _ = tables
    space = closed_table.TableSpace()
    members = set(space.enumerate())
    steps = {
        arch: {child for children in space.moves(arch).values() for child in children}
        for arch in members
    }
    assert all(children <= members - {arch} for arch, children in steps.items())
    for arch in members:
        moves = space.moves(arch)
        for operator in ("input", "code", "neck", "head"):
            assert moves[operator]
            assert all(arch in steps[child] for child in moves[operator])
    reached = edge = {next(iter(members))}
    while edge:
        edge = set().union(*(steps[arch] for arch in edge)) - reached
        reached = reached | edge
    assert reached == members


def test_modules_around_a_structure_are_the_codes_of_its_kind(tables):
    closed_table, *_ = tables
    space = closed_table.TableSpace()
    arch = next(space.enumerate())
    around = closed_table.TableModules(space).around(arch)
    size, code, neck, head = space.find(arch)
    kind = code.split("_")[0]
    codes = [other for other in space.codes if other.startswith(kind)]
    members = [closed_table.make_member(size, other, neck, head) for other in codes]
    assert list(around.enumerate()) == members
    assert [around.decode(around.encode(member)) for member in members] == members
    assert {around.sample(np.random.default_rng(seed)) for seed in range(60)} == set(members)
    assert set(around.moves(arch)["code"]) <= set(members) - {arch}


def test_a_spread_holds_every_choice(tables):
    *_, table_members = tables
    spread = [text.split("/") for text in table_members.draw_spread(12)]
    assert {parts[0] for parts in spread} == set(table_members.INPUTS)
    assert {parts[1] for parts in spread} == set(table_members.load_plan().codes)


def test_the_whole_table_scores_one_and_nothing_scores_nothing(tables):
    closed_table, *_ = tables
    table = make_table(closed_table)
    assert table.score(list(table.members)) == pytest.approx(1.0)
    assert table.score([]) == 0.0
    some = list(table.members)[:40]
    assert 0 < table.score(some) < 1
    assert table.score(some[:20]) <= table.score(some)


@pytest.mark.parametrize("slots", [1, 8])
def test_costs_by_hand_of_a_search_without_rungs(tables, slots):
    closed_table, replay, search_efficiency, _ = tables
    table = make_table(closed_table, failing=(5, 50))
    settings = search_efficiency.settings_of(search_efficiency.Entry("random"), table, 0)
    player = replay.Replay(table, settings, slots)
    curve = player.play(search_efficiency.make_entry(search_efficiency.Entry("random"), settings))
    assert curve.seconds == sorted(curve.seconds)
    steps = np.diff([0.0, *curve.epochs])
    assert set(steps.tolist()) <= {0.0, 9.0}
    assert curve.cost_to(2.0) is None
    epochs, seconds = curve.cost_to(0.95)
    typical = 9 * np.mean(
        [m.trainings[0][-1].seconds_per_epoch for m in table.members.values() if m.trainings]
    )
    assert seconds * slots == pytest.approx(epochs / 9 * (typical + 1.5), rel=0.3)


def test_a_rung_is_charged_what_it_adds_and_its_cooldown(tables):
    closed_table, replay, search_efficiency, _ = tables
    table = make_table(closed_table)
    entry = search_efficiency.Entry("random-rungs", search_efficiency.RUNGS)
    settings = search_efficiency.settings_of(entry, table, 0)
    curve = replay.Replay(table, settings, 1).play(search_efficiency.make_entry(entry, settings))
    steps = {round(step, 6) for step in np.diff([0.0, *curve.epochs]).tolist()}
    assert steps == {1.2, 2.6, 6.0}


def test_every_entry_is_replayed_and_rivals_are_compared(tables, tmp_path, monkeypatch):
    _, _, search_efficiency, _ = tables
    monkeypatch.setattr(search_efficiency, "CAP_TRAININGS", 20)
    names = ["smnas", "random", "mo_asha", "nsga2_8", "tpe", "two_stages", "joint"]
    costs = search_efficiency.replay_all(table_without_noise, names, range(2), slots=8)
    assert all(len(of) == 2 for of in costs.values())
    numbers = search_efficiency.sum_up(costs, (180.0, 100.0))
    json.dumps(numbers, default=float)
    for unit in ("epochs", "seconds"):
        found = numbers[unit]
        assert set(found["ratio"]) == {"random", "nsga2", "tpe", "mo_asha"}
        for rival, ratio in found["ratio"].items():
            assert found["ratio_low"][rival] <= ratio <= found["ratio_high"][rival]


def test_the_same_seed_is_the_same_replay_up_to_its_own_thinking(tables):
    _, _, search_efficiency, _ = tables
    one, two = (
        search_efficiency.replay_all(table_without_noise, ["evolution"], [3], slots=1)
        for _ in range(2)
    )
    assert one["evolution"][0][0] == two["evolution"][0][0]


def test_a_seed_that_never_arrives_counts_as_the_cap(tables):
    _, _, search_efficiency, _ = tables
    costs = {"smnas": [(10.0, 20.0)] * 4, "random": [(30.0, 60.0), None, None, None]}
    numbers = search_efficiency.sum_up(costs, (100.0, 200.0))
    assert numbers["arrived"]["random"] == 0.25
    assert numbers["epochs"]["ratio"]["random"] == 10.0
    assert numbers["seconds"]["median"]["random"] == 200.0
    assert numbers["epochs"]["ratio_low"]["random"] >= 3.0


def test_the_algorithms_that_are_replayed_exist(tables):
    _, _, search_efficiency, _ = tables
    entries = search_efficiency.ENTRIES
    assert {entry.algorithm for entry in entries.values()} <= set(ALGORITHMS)
    assert {n for names in search_efficiency.RIVALS.values() for n in names} <= set(entries)
