"""The closed table and its replays, on tables that are made up here and published nowhere."""

import json

import numpy as np
import pytest
from made_table import make_table, table_without_noise, write_table

from smnas.errors import SpaceError
from smnas.search.algorithms import ALGORITHMS
from smnas.space.coding import as_built
from smnas.trial.budget import Budget
from smnas.trial.pruning import PruneRule
from smnas.trial.trial import Origin, Proposal


@pytest.fixture(name="tables")
def fixture_tables():
    import entries
    import replay
    import table_members
    import table_space

    return entries, replay, table_members, table_space


def test_members_are_fully_crossed_and_each_another_network(tables):
    *_, table_members, table_space = tables
    members = list(table_members.draw_members())
    assert len(members) == 24 * 12
    assert len(set(map(as_built, members))) == len(members)
    plan = table_members.load_plan()
    assert plan.members == tuple(map(str, members))
    assert plan.codes == table_members.draw_codes()
    space = table_space.TableSpace(table_members.draw_members())
    assert set(space.enumerate()) == set(members)
    assert [space.decode(space.encode(arch)) for arch in members] == members


@pytest.mark.slow
def test_which_codes_are_near_follows_from_the_rule(tables):
    *_, table_members, _ = tables
    assert table_members.draw_plan() == table_members.load_plan()


def test_moves_stay_in_the_table_have_a_way_back_and_reach_every_member(tables):
    *_, table_members, table_space = tables
    space = table_space.TableSpace(table_members.draw_members())
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


def test_a_table_of_some_inputs_is_closed_and_an_unfinished_one_is_told(tables):
    *_, table_members, table_space = tables
    all_ = list(table_members.draw_members())
    half = [arch for arch in all_ if arch.input.width in (96, 160)]
    space = table_space.TableSpace(half)
    assert set(space.enumerate()) == set(half)
    assert [space.decode(space.encode(arch)) for arch in half] == half
    steps = {child for arch in half for moves in space.moves(arch).values() for child in moves}
    assert steps == set(half)
    pair = table_space.table_pair(space)
    assert space.contains(pair.yardstick)
    assert all(space.contains(arch) for arch in pair.structural.enumerate())
    with pytest.raises(SpaceError, match=r"expected 288 members.* 1 of them are missing"):
        table_space.TableSpace(all_[1:])


def test_modules_around_a_structure_are_the_codes_of_its_kind(tables):
    *_, table_members, table_space = tables
    space = table_space.TableSpace(table_members.draw_members())
    arch = next(space.enumerate())
    around = table_space.TableModules(space).around(arch)
    size, code, neck, head = space.find(arch)
    kind = code.split("_")[0]
    codes = [other for other in space.codes if other.startswith(kind)]
    members = [table_space.make_member(size, other, neck, head) for other in codes]
    assert list(around.enumerate()) == members
    assert [around.decode(around.encode(member)) for member in members] == members
    assert {around.sample(np.random.default_rng(seed)) for seed in range(60)} == set(members)
    assert set(around.moves(arch)["code"]) <= set(members) - {arch}


def test_a_spread_holds_every_choice(tables):
    *_, table_members, _ = tables
    spread = [text.split("/") for text in table_members.draw_spread(12)]
    assert {parts[0] for parts in spread} == set(table_members.INPUTS)
    assert {parts[1] for parts in spread} == set(table_members.load_plan().codes)


def test_the_whole_table_scores_one_and_nothing_scores_nothing():
    table = make_table()
    assert table.score(list(table.members)) == pytest.approx(1.0)
    assert table.score([]) == 0.0
    some = list(table.members)[:40]
    assert 0 < table.score(some) < 1
    assert table.score(some[:20]) <= table.score(some)
    assert table.score([member.arch for member in table.front]) == pytest.approx(1.0)
    assert len(table.front) < len(table.members) / 2
    assert table.score_of_all(0) == pytest.approx(1.0)
    noisy = make_table(noise=0.01)
    assert 0.5 < noisy.score_of_all(0) < 0.97


def test_where_seeds_mislead_everybody_the_goal_is_a_share_of_what_can_be_had():
    import replays

    assert replays.goal_of(make_table()) == replays.SHARE
    noisy = make_table(noise=0.01)
    goal = replays.goal_of(noisy)
    assert goal == replays.SHARE * replays.score_of_all(noisy) < replays.SHARE
    assert replays.score_of_all(noisy) == pytest.approx(noisy.score_of_all(0), abs=0.1)


def test_a_table_on_disk_is_the_same_table(tmp_path):
    table = make_table(noise=0.01, failing=(3,))
    again = write_table(table, tmp_path)()
    assert again.members == table.members
    assert again.reference == table.reference


@pytest.mark.parametrize("slots", [1, 8])
def test_costs_by_hand_of_a_search_without_rungs(tables, slots):
    entries, replay, *_ = tables
    table, entry = make_table(failing=(5, 50)), entries.Entry(algorithm="random")
    settings = entries.settings_of(entry, table, 0)
    curve = replay.Replay(table, settings, slots).play(entries.make_entry(entry, settings, table))
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
    entries, replay, *_ = tables
    table = make_table()
    entry = entries.Entry(algorithm="random-rungs", changes={"rungs": 3, "eta": 3})
    settings = entries.settings_of(entry, table, 0)
    curve = replay.Replay(table, settings, 1).play(entries.make_entry(entry, settings, table))
    steps = {round(step, 6) for step in np.diff([0.0, *curve.epochs]).tolist()}
    assert steps == {1.2, 2.6, 6.0}


def test_a_rung_that_the_table_lacks_is_an_error(tables):
    entries, replay, *_ = tables
    table = make_table()
    entry = entries.Entry(algorithm="random-rungs", changes={"rungs": 3, "eta": 2})
    settings = entries.settings_of(entry, table, 0)
    with pytest.raises(ValueError, match="2 of 9 epochs: the table has rungs of 1, 3, 9 epochs"):
        replay.Replay(table, settings, 1).play(entries.make_entry(entry, settings, table))


@pytest.mark.parametrize(("metric", "seconds"), [("macs_g", 0.3), ("latency_ms", 1.0)])
def test_what_is_pruned_is_charged_what_it_took_to_find_out(tables, metric, seconds):
    entries, replay, *_ = tables
    table = make_table()
    member = next(iter(table.members.values()))
    player = replay.Replay(table, entries.settings_of(entries.Entry(algorithm="x"), table, 0), 1)
    rule = PruneRule(
        larger=0, better=1, metric=metric, limit=getattr(member, metric), merit="ap", bound=0.5
    )
    top, origin = Budget(epochs=9), Origin(operator="sample")
    proposal = Proposal(arch=member.arch, stage=1, origin=origin, budget=top, seed=0, pruning=rule)
    outcome, epochs = player.answer(proposal, [])
    assert (outcome.failure.stage, outcome.seconds, epochs) == ("pruning", seconds, 0.0)
    assert metric in {item.metric for item in outcome.measurements}
    for spared in ({"spared": True}, {"limit": 2 * getattr(member, metric)}):
        changed = {"pruning": rule.model_copy(update=spared)}
        outcome, epochs = player.answer(proposal.model_copy(update=changed), [])
        assert (outcome.failure, epochs) == (None, 9)


def test_every_entry_is_replayed_and_rivals_are_compared(tables, monkeypatch):
    import replays
    import search_efficiency

    entries, *_ = tables
    monkeypatch.setattr(entries, "CAP_TRAININGS", 20)
    known = {**entries.load_entries(), **entries.STAGES}
    names = ["smnas", "random", "mo_asha", "nsga2_8", "tpe", "two_stages", "joint"]
    chosen = {name: known[name] for name in names}
    costs = {
        name: [replays.replay_once(table_without_noise, entry, seed, slots=8) for seed in range(2)]
        for name, entry in chosen.items()
    }
    numbers = search_efficiency.sum_up(costs, (180.0, 100.0))
    json.dumps(numbers)
    for unit in ("epochs", "seconds"):
        found = numbers[unit]
        assert set(found["ratio"]) == {"random", "nsga2", "tpe", "mo_asha"}
        for rival, ratio in found["ratio"].items():
            assert found["ratio_low"][rival] <= ratio <= found["ratio_high"][rival]


def test_the_same_seed_is_the_same_replay_up_to_its_own_thinking(tables):
    import replays

    entry = tables[0].Entry(algorithm="evolution")
    one, two = (replays.replay_once(table_without_noise, entry, 3, slots=1) for _ in range(2))
    assert one[0] == two[0]


def test_a_seed_that_never_arrives_counts_as_the_cap():
    import search_efficiency

    costs = {"smnas": [(10.0, 20.0)] * 4, "random": [(30.0, 60.0), None, None, None]}
    numbers = search_efficiency.sum_up(costs, (100.0, 200.0))
    assert numbers["arrived"]["random"] == 0.25
    assert numbers["epochs"]["ratio"]["random"] == 10.0
    assert numbers["seconds"]["median"]["random"] == 200.0
    assert numbers["epochs"]["ratio_low"]["random"] >= 3.0


def test_the_algorithms_that_are_replayed_exist(tables):
    import search_efficiency

    known = tables[0].load_entries()
    assert {entry.algorithm for entry in known.values()} <= set(ALGORITHMS)
    assert {n for names in search_efficiency.RIVALS.values() for n in names} <= set(known)


def test_the_result_is_written_for_every_table_that_there_is(tmp_path, monkeypatch):
    import search_efficiency

    files, path = write_table(make_table(failing=(7,)), tmp_path), tmp_path / "found.json"
    lines = files.records.read_text().splitlines(keepends=True)
    half = [line for line in lines if json.loads(line)["arch"].startswith(("64x", "128x"))]
    (tmp_path / "table_trees.jsonl").write_text("".join(half))
    kept = tmp_path / "replays.jsonl"
    given = ["--tables", tmp_path, "--records", kept, "--json", path, "--seeds", 1]
    given += ["--entries", "random", "local_search"]
    monkeypatch.setattr("sys.argv", ["search_efficiency.py", *map(str, given)])
    search_efficiency.main()
    lines = kept.read_text()
    assert lines.count("\n") == 8
    search_efficiency.main()
    assert kept.read_text() == lines
    numbers = json.loads(path.read_text())
    for name, members in (("scenes", 288), ("trees", 144)):
        found = numbers[name]
        assert found["members"] == members
        assert found["score_of_all"] == pytest.approx(1.0)
        assert found["goal"] == 0.95
        assert found["slots_1"]["epochs"]["median"]["random"] > 0
        assert set(found["arrived"]) == {"random", "local_search"}
