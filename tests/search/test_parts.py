"""What each part of the search does, seen from the outside, and that it can be switched off."""

from itertools import pairwise

import pytest

from smnas.arch import DetectorArch
from smnas.search import SmNas
from smnas.search.parts import PLAIN, SearchParts
from smnas.search.rungs import family
from smnas.search.settings import PLATEAU_GAIN
from smnas.space.coding import as_built
from smnas.space.known import known_space
from smnas.trial.budget import Budget
from smnas.trial.front import front
from smnas.trial.pruning_record import pruning_record
from smnas.trial.trial import Failure, Outcome

NINE = {"stage_one": {"epochs": 9}, "stage_two": {"epochs": 9}, "final": {"epochs": 18}}
RUNGS = PLAIN.model_copy(update={"rungs": 3, "eta": 3})


def _operators(trials):
    return {trial.proposal.origin.operator for trial in trials}


@pytest.fixture(name="climbed", scope="module", params=[1, 8])
def fixture_climbed(request, micro, make_settings, world):
    settings = make_settings(trials=12, parts=RUNGS, **NINE)
    return settings, world(slots=request.param).play(SmNas(micro, settings))


def test_a_rung_continues_the_same_training_one_step_lower(climbed):
    _, trials = climbed
    up = [t for t in trials if t.proposal.continues is not None]
    assert up
    for trial in up:
        lower = trials[trial.proposal.continues].proposal
        assert trials[trial.proposal.continues].number < trial.number
        kept = ("arch", "seed", "stage")
        assert all(getattr(trial.proposal, name) == getattr(lower, name) for name in kept)
        assert trial.proposal.budget.schedule == lower.budget.schedule
        assert trial.proposal.budget.epochs == 3 * lower.budget.epochs
        assert trial.proposal.origin.operator == "promote"
        assert trial.proposal.origin.group == lower.origin.group
    assert len({t.proposal.continues for t in up}) == len(up)


def test_a_rung_sends_up_about_one_in_eta(climbed):
    settings, trials = climbed
    counts = [
        sum(t.proposal.is_candidate and t.proposal.budget == budget for t in trials)
        for budget in settings.ladder(1)
    ]
    assert counts[0] > 30
    for lower, higher in pairwise(counts):
        assert lower / 3 - 3 <= higher <= lower / 3


@pytest.mark.parametrize("slots", [1, 4])
def test_where_nothing_new_is_left_every_training_goes_on_to_the_top(
    tiny, make_settings, world, slots
):
    settings = make_settings(trials=1000, groups=1, parts=RUNGS, **NINE)
    trials = [t for t in world(slots=slots).play(SmNas(tiny, settings)) if t.proposal.is_candidate]
    begun = {as_built(t.proposal.arch) for t in trials}
    ended = {as_built(t.proposal.arch) for t in trials if t.proposal.budget == Budget(epochs=9)}
    assert begun == ended
    assert len({t.proposal.origin.group for t in trials if t.proposal.stage == 2}) > 1


def test_every_family_of_heads_reaches_the_second_rung(climbed):
    settings, trials = climbed
    for lower, higher in zip(settings.ladder(1)[:1], settings.ladder(1)[1:2], strict=True):
        began = {family(t) for t in trials if t.proposal.budget == lower}
        assert began == {family(t) for t in trials if t.proposal.budget == higher}


def test_trials_are_counted_in_whole_trainings(climbed):
    _, trials = climbed
    used = 0.0
    for trial in trials:
        lower = trial.proposal.continues
        if trial.proposal.is_candidate:
            before = None if lower is None else trials[lower].proposal.budget
            used += trial.proposal.budget.epochs_beyond(before)
    assert 12 * 9 <= used < 13 * 9


def test_finals_are_those_that_were_trained_to_the_end_where_there_are_enough(climbed):
    settings, trials = climbed
    finals = [t for t in trials if t.proposal.stage == "final"]
    whole = [t for t in trials if t.proposal.is_candidate and t.proposal.budget.epochs == 9]
    parents = [trials[t.proposal.origin.parent].proposal.budget for t in finals]
    assert sum(budget == Budget(epochs=9) for budget in parents) == min(len(whole), settings.finals)


def test_a_training_too_short_for_rungs_has_none(make_settings):
    two = {"stage_one": {"epochs": 2}, "stage_two": {"epochs": 1}}
    settings = make_settings(parts=RUNGS, **two)
    assert [str(b) for b in settings.ladder(1)] == ["1 of 2 epochs", "2 epochs"]
    assert [str(b) for b in settings.ladder(2)] == ["1 epoch"]
    assert make_settings(parts=PLAIN).ladder(1) == (make_settings().stage_one,)


@pytest.mark.parametrize("space", ["micro", "paper"])
def test_stratified_starts_span_costs_and_families(space, make_settings):
    from smnas.search.features import approximate_macs_g
    from smnas.search.starts import choose_starts
    from smnas.seeding import generator

    structural = known_space(space).structural
    rng = generator(3)
    drawn = [approximate_macs_g(structural.sample(rng)) for _ in range(300)]
    for seed in range(5):
        starts = choose_starts(structural, 8, "stratified", generator(seed))
        costs = sorted(map(approximate_macs_g, starts))
        assert len(set(map(str, starts))) == 8
        assert all(map(structural.contains, starts))
        assert costs[0] < sorted(drawn)[60]
        assert costs[-1] > sorted(drawn)[-60]
        assert {arch.head.kind for arch in starts} == {
            head.split("/")[1].split("-")[0] for head in structural.heads
        }


def test_the_fast_end_of_the_starts_has_one_stage():
    from smnas.search.features import approximate_macs_g
    from smnas.search.starts import choose_starts
    from smnas.seeding import generator

    for seed in range(8):
        for count in (3, 6, 8):
            starts = choose_starts(
                known_space("micro").structural, count, "stratified", generator(seed)
            )
            assert min(starts, key=approximate_macs_g).proposals.kind == "none"


def test_known_detectors_of_the_space_are_among_the_starts(make_settings, world):
    paper = known_space("paper")
    trials = world().play(SmNas(paper, make_settings(seeds=8)), steps=9)
    begun = {str(trial.proposal.arch) for trial in trials if trial.proposal.stage == 1}
    assert str(DetectorArch.parse("faster-rcnn-r50-fpn")) in begun
    assert str(DetectorArch.parse("cascade-rcnn-r50-fpn")) in begun


def test_screened_searches_find_a_better_front_than_unscreened_ones(micro, make_settings, world):
    """In this world, over two seeds; what it is worth elsewhere, benchmarks must say."""
    from smnas.trial.front import hypervolume

    volumes = {}
    for name in ("none", "ensemble"):
        parts = SearchParts(screening=name, screen_from=10)
        volumes[name] = 0.0
        for seed in range(2):
            settings = make_settings(trials=30, parts=parts, seed=seed, stage_one_share=1.0)
            trials = world().play(SmNas(micro, settings))
            found = [t for t in trials if t.proposal.is_candidate]
            volumes[name] += hypervolume(found, settings.stage_one_objectives, (0.0, 2000.0))
    assert volumes["ensemble"] > volumes["none"]


def test_allocation_by_gain_mixes_the_stages_and_by_share_does_not(micro, make_settings, world):
    for allocation, mixed in (("gain", True), ("share", False)):
        parts = PLAIN.model_copy(update={"allocation": allocation})
        trials = world().play(SmNas(micro, make_settings(trials=40, parts=parts)))
        stages = [t.proposal.stage for t in trials if t.proposal.is_candidate]
        assert len(stages) == 40
        assert (stages != sorted(stages)) is mixed


def test_near_ties_get_a_second_seed_and_no_more(micro, make_settings, world):
    parts = PLAIN.model_copy(update={"repeat_share": 0.2})
    trials = world().play(SmNas(micro, make_settings(trials=40, parts=parts, ap_tie=0.05)))
    again = [t for t in trials if t.proposal.origin.operator == "repeat"]
    assert 0 < len(again) <= 0.2 * 40
    for trial in again:
        first = trials[trial.proposal.origin.parent].proposal
        assert (trial.proposal.arch, trial.proposal.budget) == (first.arch, first.budget)
        assert trial.proposal.seed != first.seed
    assert len({str(t.proposal.arch) for t in again}) == len(again)


@pytest.fixture(name="answer_under_rules", scope="session")
def fixture_answer_under_rules(answer):
    """Returns what answers with another AP, and prunes what its rule says."""

    def make(ap_of):
        def answer_one(proposal):
            outcome = answer(proposal)
            params_m = next(m.value for m in outcome.measurements if m.metric == "params_m")
            ap = ap_of(proposal.arch, outcome, params_m)
            costs, rule = outcome.measurements[2:], proposal.pruning
            if rule is not None and rule.prunes(costs):
                failure = Failure(stage="pruning", reason=rule.reason)
                return Outcome(measurements=costs, failure=failure, seconds=1.0)
            first = outcome.measurements[0].model_copy(update={"value": ap})
            return Outcome(measurements=(first, *outcome.measurements[1:]), seconds=10.0)

        return answer_one

    return make


@pytest.fixture(name="no_good_in_size", scope="session")
def fixture_no_good_in_size(answer_under_rules):
    """In a world where depth and width do no good, the rule prunes and is right."""
    return answer_under_rules(
        lambda arch, outcome, _: max(0.3 - 0.01 * outcome.measurements[4].value, 0.01)
    )


def test_what_a_rule_prunes_is_not_trained_and_the_search_goes_on(
    micro, make_settings, world, no_good_in_size
):
    parts = PLAIN.model_copy(update={"pruning": True, "spared_share": 0.3})
    settings = make_settings(trials=60, parts=parts, ap_tie=0.0, stage_one_share=0.3)
    trials = world(evaluate=no_good_in_size, slots=2).play(SmNas(micro, settings))
    trained = [t for t in trials if t.proposal.is_candidate and not t.refused]
    assert len(trained) == 60
    assert any(t.proposal.pruning is not None and t.proposal.pruning.spared for t in trials)
    off = make_settings(trials=20, parts=PLAIN)
    assert all(t.proposal.pruning is None for t in world().play(SmNas(micro, off)))
    record = pruning_record(trials)
    assert record.pruned == sum(t.pruned for t in trials)


def test_what_was_pruned_is_trained_where_nothing_else_is_left(
    tiny, make_settings, world, no_good_in_size
):
    parts = PLAIN.model_copy(update={"pruning": True, "spared_share": 0.0})
    settings = make_settings(trials=1000, groups=4, ap_tie=0.0, parts=parts, **NINE)
    deeper = tiny.modular.model_copy(update={"max_blocks": 7})
    spaces = tiny.model_copy(update={"modular": deeper})
    trials = world(evaluate=no_good_in_size).play(SmNas(spaces, settings))
    candidates = [t for t in trials if t.proposal.is_candidate]
    pruned = [trial for trial in candidates if trial.pruned]
    assert pruned
    back = [t for t in candidates if t.proposal.origin.operator == "take-back"]
    assert {t.proposal.origin.parent for t in back} <= {t.number for t in pruned}
    whole = {as_built(t.proposal.arch) for t in candidates if t.proposal.budget == Budget(epochs=9)}
    assert {as_built(trial.proposal.arch) for trial in pruned} <= whole


def test_a_rule_that_proves_wrong_is_not_used_any_more(
    micro, make_settings, world, answer_under_rules
):
    """In a world where the smallest network is the best, every spared proposal is better."""

    def upside_down(arch, outcome, params_m):
        del outcome
        quirk = int(arch.arch_id[:3], 16) / 4096
        return min(0.9, 0.2 / (1 + params_m) + 0.3 * quirk)

    parts = PLAIN.model_copy(update={"pruning": True, "spared_share": 1.0})
    settings = make_settings(trials=80, parts=parts, ap_tie=0.0, stage_one_share=0.3)
    trials = world(evaluate=answer_under_rules(upside_down)).play(SmNas(micro, settings))
    ruled = [t.number for t in trials if t.proposal.pruning is not None]
    for at in ruled:
        assert pruning_record(trials[:at]).is_trusted


@pytest.mark.parametrize("allocation", ["share", "gain"])
def test_a_plateau_ends_the_candidates(micro, make_settings, world, answer, allocation):
    """In a world where nothing after the first few is any better."""

    def level(proposal):
        outcome = answer(proposal)
        ap = outcome.measurements[0].model_copy(update={"value": 0.2})
        return outcome.model_copy(update={"measurements": (ap, *outcome.measurements[1:])})

    parts = PLAIN.model_copy(update={"allocation": allocation})
    settings = make_settings(trials=400, plateau=8, parts=parts)
    trials = world(evaluate=level).play(SmNas(micro, settings))
    candidates = [t for t in trials if t.proposal.is_candidate]
    assert 16 <= len(candidates) < 200
    assert {t.proposal.stage for t in candidates} == {1, 2}
    assert trials[-1].proposal.stage == "yardstick"
    gained = front(candidates, settings.stage_one_objectives)
    assert gained
    assert 0 < PLATEAU_GAIN < 1


def test_epochs_end_the_candidates(micro, make_settings, world):
    settings = make_settings(trials=1000, epochs=60, stage_one_share=0.5)
    trials = world().play(SmNas(micro, settings))
    epochs = {
        stage: sum(t.proposal.budget.epochs for t in trials if t.proposal.stage == stage)
        for stage in (1, 2)
    }
    assert epochs == {1: 30, 2: 30}


def test_a_plain_search_is_the_papers(micro, make_settings, world):
    trials = world().play(SmNas(micro, make_settings(parts=PLAIN)))
    assert not _operators(trials) & {"promote", "repeat"}
    assert all(t.proposal.continues is None and t.proposal.pruning is None for t in trials)
