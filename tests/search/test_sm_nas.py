"""The two stages, the finals, and what they do with failures, limits and used-up spaces."""

import pytest

from smnas.search import SmNas
from smnas.search.finals import choose_finalists
from smnas.search.stopping import REFUSALS_PER_TRIAL
from smnas.seeding import derive_seed
from smnas.space.coding import as_built
from smnas.trial.front import front


def _stage(trials, stage):
    return [trial for trial in trials if trial.proposal.stage == stage]


@pytest.fixture(name="finished")
def fixture_finished(micro, make_settings, world):
    return world().play(SmNas(micro, make_settings()))


def test_it_begins_with_the_yardstick_at_the_first_budget(micro, make_settings):
    settings = make_settings()
    first, second = SmNas(micro, settings).ask([], 2)
    assert (first.stage, first.arch, first.budget) == (
        "yardstick",
        micro.yardstick,
        settings.stage_one,
    )
    assert second.stage == 1


def test_a_whole_search(finished, micro, make_settings):
    settings = make_settings()
    assert [t.number for t in finished] == list(range(len(finished)))
    assert len(_stage(finished, 1)) == settings.stage_one_trials == 18
    assert len(_stage(finished, 2)) == 12
    assert len(_stage(finished, "final")) == settings.finals
    assert [t.proposal.stage for t in finished[19:31]] == [2] * 12
    assert finished[-1].proposal.stage == "yardstick"
    assert SmNas(micro, settings).done(finished)
    final_front = front(_stage(finished, "final"), settings.stage_one_objectives)
    front_times = [trial.value("latency_ms") for trial in final_front]
    assert max(front_times) >= 3 * min(front_times)


def test_members_stay_in_their_spaces(finished, micro):
    assert all(micro.structural.contains(t.proposal.arch) for t in _stage(finished, 1))
    for trial in _stage(finished, 2):
        structure = finished[trial.proposal.origin.group]
        assert structure.proposal.stage == 1
        assert micro.modular.around(structure.proposal.arch).contains(trial.proposal.arch)


def test_groups_share_stage_two_evenly(finished):
    groups = [trial.proposal.origin.group for trial in _stage(finished, 2)]
    sizes = [groups.count(group) for group in set(groups)]
    assert len(sizes) == 3
    assert max(sizes) - min(sizes) <= 1


def test_no_candidate_is_tried_twice(finished):
    archs = [as_built(t.proposal.arch) for t in finished if t.proposal.is_candidate]
    assert len(set(archs)) == len(archs)


def test_seeds_of_trainings_come_from_arch_and_budget(finished):
    for trial in finished:
        if trial.proposal.is_candidate:
            arch_id, budget = trial.proposal.arch.arch_id, trial.proposal.budget
            assert trial.proposal.seed == derive_seed(7, "training", arch_id, budget)
    assert len({trial.proposal.seed for trial in finished}) == len(finished)


@pytest.mark.parametrize("norm", ["bn", "gn-ws"])
def test_finals_are_their_parents_with_the_norm_that_ships(micro, make_settings, world, norm):
    settings = make_settings(final_norms=norm)
    trials = world().play(SmNas(micro, settings))
    finals = _stage(trials, "final")
    chosen = choose_finalists(trials, settings)
    dearest_first = [trial.number for trial in reversed(chosen)]
    assert [t.proposal.origin.parent for t in finals] == dearest_first
    for final in finals:
        parent = trials[final.proposal.origin.parent].proposal
        assert final.proposal.arch == parent.arch.replace(norm=norm)
        assert final.proposal.budget == settings.final
        assert final.proposal.origin.group == parent.origin.group
        assert final.proposal.seed != parent.seed
    last = trials[-1].proposal
    assert (last.stage, last.budget) == ("yardstick", settings.final)
    assert last.arch == micro.yardstick.replace(norm=norm)


def test_both_norms_are_two_detectors_of_each_finalist(micro, make_settings, world):
    settings = make_settings(final_norms="both")
    trials = world().play(SmNas(micro, settings))
    finals = [trial.proposal for trial in _stage(trials, "final")]
    chosen = choose_finalists(trials, settings)
    expected = [
        trials[parent.number].proposal.arch.replace(norm=norm)
        for parent in reversed(chosen)
        for norm in ("bn", "gn-ws")
    ]
    assert [final.arch for final in finals] == expected
    assert len({final.arch.arch_id for final in finals}) == 2 * len(chosen)
    assert len({final.seed for final in finals}) == 2 * len(chosen)
    yardsticks = [t.proposal for t in _stage(trials, "yardstick")]
    assert yardsticks[-1].arch == micro.yardstick.replace(norm="bn")


def test_with_another_budget_a_group_begins_with_its_structure(micro, make_settings, world):
    settings = make_settings(stage_two={"epochs": 5})
    trials = world().play(SmNas(micro, settings))
    firsts = {t.proposal.origin.group: t for t in reversed(_stage(trials, 2))}
    assert len(firsts) == 3
    for group, first in firsts.items():
        assert first.proposal.origin.operator == "enter"
        assert first.proposal.arch == micro.modular.enter(trials[group].proposal.arch)


def test_in_the_paper_space_resnets_enter_as_codes(make_settings, world):
    from smnas.space.known import known_space

    settings = make_settings(stage_two={"epochs": 9}, final={"epochs": 24}, trials=20)
    trials = world().play(SmNas(known_space("paper"), settings))
    assert len(_stage(trials, 2)) == 8
    for trial in _stage(trials, 2):
        assert trial.proposal.arch.backbone.kind == "coded"
        assert trial.proposal.arch.norm == "gn-ws"


def test_many_slots_meet_no_barrier_but_the_stages(micro, make_settings, world, answer):
    algorithm, busy = SmNas(micro, make_settings(trials=12)), []

    def watch(proposal):
        busy.append(proposal.stage)
        return answer(proposal)

    trials = world(evaluate=watch, slots=4).play(algorithm)
    assert len(_stage(trials, 1)) + len(_stage(trials, 2)) == 12
    first_two = next(t.number for t in trials if t.proposal.stage == 2)
    assert all(t.number < first_two for t in _stage(trials, 1))
    assert all(t.number > first_two for t in _stage(trials, "final"))


def test_stages_wait_for_what_they_depend_on(micro, make_settings, world):
    algorithm = SmNas(micro, make_settings(trials=12, stage_one_share=0.5))
    played = world().play(algorithm)
    for stage in (1, 2):
        last = _stage(played, stage)[-1].number
        waiting = [*played[:last], played[last].model_copy(update={"outcome": None})]
        assert algorithm.ask(waiting, 5) == []
        assert not algorithm.done(waiting)
        assert algorithm.ask(played[: last + 1], 5)
        assert not algorithm.done(played[: last + 1])


def test_slots_are_an_upper_limit(micro, make_settings):
    algorithm = SmNas(micro, make_settings())
    assert algorithm.ask([], 0) == []
    assert len(algorithm.ask([], 3)) == 3


def test_recorded_seconds_end_the_candidates(micro, make_settings, world):
    settings = make_settings(trials=1000, seconds=100.0, stage_one_share=0.5)
    trials = world().play(SmNas(micro, settings))
    assert len(_stage(trials, 1)) == 5  # ten seconds each
    assert len(_stage(trials, 2)) == 5
    assert _stage(trials, "final")


def test_an_enlarged_search_goes_on(micro, make_settings, world):
    small, large = make_settings(trials=10), make_settings(trials=20)
    finished = world().play(SmNas(micro, small))
    assert not SmNas(micro, large).done(finished)
    grown = world().play(SmNas(micro, large), finished)
    assert grown[: len(finished)] == finished
    assert len(_stage(grown, 1)) == 12
    assert len(_stage(grown, 2)) == 8
    finals = [t.proposal.arch for t in _stage(grown, "final")]
    assert len(set(finals)) == len(finals)
    done = {t.proposal.origin.parent for t in _stage(grown, "final")}
    assert {t.number for t in choose_finalists(grown, large)} <= done


def test_a_failed_trial_is_tried_and_the_search_goes_on(micro, make_settings, world, answer, fail):
    def every_third(proposal):
        return fail(proposal) if proposal.seed % 3 == 0 else answer(proposal)

    trials = world(evaluate=every_third).play(SmNas(micro, make_settings()))
    candidates = [t for t in trials if t.proposal.is_candidate]
    assert len(candidates) == 30
    assert any(not t.succeeded for t in candidates)
    assert len({as_built(t.proposal.arch) for t in candidates}) == 30
    parents = {t.proposal.origin.parent for t in trials} - {None}
    assert all(trials[number].succeeded for number in parents)


def test_what_breaks_a_constraint_is_not_trained_and_does_not_count(
    micro, make_settings, world, answer_within
):
    settings = make_settings(stage_two={"epochs": 5})
    trials = world(answer_within("latency_ms <= 20"), slots=2).play(SmNas(micro, settings))
    refused = [t for t in trials if t.refused]
    assert refused
    assert all(t.value("latency_ms") > 20 for t in refused)
    for stage, count in ((1, 18), (2, 12)):
        assert sum(not t.refused for t in _stage(trials, stage)) == count
    assert all(
        t.value("latency_ms") <= 20 for t in trials if t.proposal.is_candidate and t.succeeded
    )
    parents = {t.proposal.origin.parent for t in trials} - {None}
    assert not parents & {t.number for t in refused}
    # At neither budget and with neither norm is one of them tried again.
    seen = set()
    for trial in trials:
        network = as_built(trial.proposal.arch.deployed)
        assert network not in seen
        if trial.refused:
            seen.add(network)


def test_as_many_are_drawn_as_seeds_as_are_trained(micro, make_settings, world, answer_within):
    trials = world(answer_within("params_m <= 0.4")).play(SmNas(micro, make_settings()))
    first = next(t.number for t in trials if t.proposal.origin.parent is not None)
    seeds = [t for t in trials[1:first] if not t.refused]
    assert len(seeds) >= make_settings().seeds
    assert len(seeds) < first - 1


def test_a_constraint_that_nothing_keeps_ends_the_search(
    micro, make_settings, world, answer_within
):
    algorithm = SmNas(micro, make_settings(trials=4, seeds=1))
    trials = world(answer_within("macs_g <= 0.0001")).play(algorithm)
    assert algorithm.done(trials)
    assert {t.proposal.stage for t in trials} == {"yardstick", 1}
    assert len(_stage(trials, 1)) == 2 * REFUSALS_PER_TRIAL


def test_a_search_for_other_objectives_fills_their_front(micro, make_settings, world):
    settings = make_settings(objectives="ap50,params_m,latency_ms")
    trials = world().play(SmNas(micro, settings))
    finals = _stage(trials, "final")
    assert len(finals) == settings.finals
    sizes = [trial.value("params_m") for trial in finals]
    assert max(sizes) >= 3 * min(sizes)


def test_when_all_candidates_fail_it_ends_without_finals(micro, make_settings, world, fail):
    settings = make_settings()
    trials = world(evaluate=fail).play(SmNas(micro, settings))
    assert SmNas(micro, settings).done(trials)
    assert [t.proposal.stage for t in trials] == ["yardstick"] + [1] * 18


def test_a_used_up_space_ends_the_search(tiny, make_settings, world):
    settings = make_settings(trials=1000, groups=8)
    trials = world().play(SmNas(tiny, settings))
    assert len(_stage(trials, 1)) == tiny.structural.size == 4
    groups = {t.proposal.origin.group for t in _stage(trials, 2)}
    # Equal budgets: the structures themselves are known from stage one.
    assert len(_stage(trials, 2)) == len(groups) * (tiny.modular.size - 1)
    assert len(_stage(trials, "final"))
    assert SmNas(tiny, settings).done(trials)
