"""What a history answers is a function of the trials, however they came."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.search import SmNas
from smnas.search.history import History
from smnas.search.parts import SearchParts
from smnas.search.pools import Pool
from smnas.space.coding import as_built
from smnas.space.neighbourhood import frame_of
from smnas.trial.front import front
from smnas.trial.repeats import merge_repeats
from smnas.trial.trial import Failure, Outcome

PARTS = SearchParts(rungs=2, eta=2, screening="none", allocation="gain", repeat_share=0.3)


@pytest.fixture(name="played", scope="module", params=["equal budgets", "other budgets"])
def fixture_played(request, micro, make_settings, world, answer_within):
    """A search with rungs, repeats, refusals and finals: its settings and trials."""
    longer = {"stage_two": {"epochs": 5}} if request.param == "other budgets" else {}
    settings = make_settings(trials=20, groups=2, parts=PARTS, ap_tie=0.02, **longer)
    trials = world(answer_within("latency_ms <= 25"), slots=3).play(SmNas(micro, settings))
    operators = {trial.proposal.origin.operator for trial in trials}
    assert {"promote", "repeat"} <= operators
    assert any(trial.refused for trial in trials)
    return settings, trials


def _answers(history, settings, micro, trials):
    frames = {frame_of(t.proposal.arch) for t in trials if micro.modular.contains(t.proposal.arch)}
    budgets = dict.fromkeys((*settings.ladder(1), *settings.ladder(2)))
    pools = [
        *(history.structures(budget) for budget in budgets),
        *(history.group(frame, b) for frame in sorted(frames, key=str) for b in budgets),
    ]
    rules = [pool.order.rule_for(t.proposal.arch) for pool in pools[:3] for t in trials[::5]]
    return (
        [(pool.finished, [trial.number for trial in pool.front]) for pool in pools],
        rules,
        {stage: set(history.tried(stage)) for stage in (1, 2)},
        {stage: history.unfinished(stage) for stage in (1, 2, "final", "yardstick")},
        history.unfinished(),
        {s: (x.trials, x.epochs, x.refused, x.total_seconds) for s, x in history.spent.items()},
        (+history.begun, +history.in_group, history.seeds, history.repeated_epochs),
        [history.is_given(trial.proposal) for trial in trials],
        [rung.next_up(2) for rung, _ in history.rungs.values()],
        [[(t.number, gain) for t, gain in history.gains.of(budget)] for budget in budgets],
        history.pruning,
    )


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=4)
def test_read_bit_by_bit_in_any_order_it_answers_as_if_read_at_once(played, micro, seed):
    settings, trials = played
    rng = np.random.default_rng(seed)
    history, known, waiting = History(settings, micro.modular), [], []
    for trial in trials:
        known.append(trial.model_copy(update={"outcome": None}))
        waiting.append(trial)
        if rng.random() < 0.3:
            history.read(known)
        while waiting and rng.random() < 0.6:
            done = waiting.pop(int(rng.integers(len(waiting))))
            known[done.number] = done
            if rng.random() < 0.5:
                history.read(known)
    history.read(known)
    anew = History(settings, micro.modular)
    anew.read(known)
    assert _answers(history, settings, micro, trials) == _answers(anew, settings, micro, trials)


def test_its_pools_are_those_that_a_plain_reading_finds(played, micro):
    settings, trials = played
    history = History(settings, micro.modular)
    history.read(trials)
    top_one, top_two = settings.stage_one, settings.stage_two
    candidates = merge_repeats([t for t in trials if t.proposal.is_candidate])
    ones = [t for t in candidates if t.proposal.stage == 1]
    ended = [t for t in ones if t.proposal.budget == top_one]
    structures = history.structures(top_one)
    assert structures.front == front(ended, settings.stage_one_objectives)
    assert structures.finished == sum(t.succeeded for t in ended)
    compared = 0
    for group in [t for t in ones if micro.modular.contains(t.proposal.arch)]:
        around = micro.modular.around(group.proposal.arch)
        inside = [
            t
            for t in candidates
            if t.proposal.budget == top_two and around.contains(t.proposal.arch)
        ]
        found = history.group(around.frame, top_two).front
        assert found == front(inside, settings.stage_two_objectives)
        compared += len(found)
    assert compared
    started = [t for t in candidates if t.proposal.continues is None]
    begun = sum(not t.refused for t in started if t.proposal.stage == 1)
    assert history.begun[1] == begun
    epochs = {1: 0, 2: 0}
    for t in trials:
        if t.proposal.is_candidate and not t.refused:
            lower = t.proposal.continues
            before = None if lower is None else trials[lower].proposal.budget
            epochs[t.proposal.stage] += t.proposal.budget.epochs_beyond(before)
    for stage, expected in epochs.items():
        assert float(history.spent[stage].epochs) == pytest.approx(expected)
    tried = {
        as_built(t.proposal.arch)
        for t in candidates
        if t.proposal.stage == 2 or t.proposal.budget.schedule == settings.stage_two or t.refused
    }
    assert tried <= history.tried(2)
    assert {as_built(arch.deployed) for arch in history.tried(2) - tried} <= {
        as_built(t.proposal.arch.deployed) for t in candidates if t.refused
    }


def test_what_does_not_fit_into_memory_is_proposed_with_no_budget_again(played, micro):
    settings, trials = played
    at = next(t.number for t in trials if t.proposal.stage == 1 and t.succeeded)
    failure = Failure(stage="memory", reason="does not fit")
    too_large = trials[at].model_copy(update={"outcome": Outcome(failure=failure)})
    history = History(settings, micro.modular)
    history.read([*trials[:at], too_large])
    network = as_built(too_large.proposal.arch)
    assert network in history.tried(1)
    assert network in history.tried(2)
    assert too_large.failed
    assert too_large.infeasible


def test_what_contradicts_it_makes_it_begin_again(played, micro):
    settings, trials = played
    history = History(settings, micro.modular)
    at = next(t.number for t in trials if t.succeeded and t.proposal.stage == 1)
    lost = trials[at].model_copy(
        update={
            "outcome": trials[at].outcome.model_copy(
                update={"measurements": (), "failure": Failure(stage="training", reason="lost")}
            )
        }
    )
    for known in (trials, trials[:7], [], [*trials[:at], lost, *trials[at + 1 :]], trials[:12]):
        history.read(known)
        anew = History(settings, micro.modular)
        anew.read(known)
        assert _answers(history, settings, micro, trials) == _answers(anew, settings, micro, trials)


def test_it_changes_its_version_exactly_when_it_learns(played, micro):
    settings, trials = played
    history, versions = History(settings, micro.modular), []
    for known in (trials[:4], trials[:4], trials[:5], trials[:4], [], []):
        history.read(known)
        versions.append(history.version)
    assert versions[0] == versions[1] < versions[2] < versions[3] < versions[4] == versions[5]


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=25)
def test_a_pools_front_kept_up_is_the_front_of_all(played, seed):
    """With tie widths too, whatever the order of the outcomes."""
    settings, trials = played
    objectives = settings.model_copy(update={"ap_tie": 0.05, "latency_tie": 0.3})
    objectives = objectives.stage_one_objectives
    listed = [t for t in trials if t.proposal.budget == settings.stage_one]
    pool = Pool(objectives)
    for at in np.random.default_rng(seed).permutation(len(listed)):
        pool.finish(listed[at])
    assert pool.front == front(merge_repeats(listed), objectives)
    assert pool.finished == sum(t.succeeded for t in merge_repeats(listed))


def test_trial_that_is_read_again_without_an_outcome_is_still_unfinished(
    micro, make_settings, world
):
    """As happens with several slots: what was asked for is read once more from the archive."""
    settings = make_settings(trials=8)
    trials = world().play(SmNas(micro, settings))
    history = History(settings, micro.modular)
    for last in range(1, len(trials) + 1):
        running = trials[last - 1].model_copy(update={"outcome": None})
        for copy in (running, running.model_copy()):
            history.read([*trials[: last - 1], copy])
            assert history.unfinished()
            assert history.unfinished(copy.proposal.stage)
        history.read(trials[:last])
        assert not history.unfinished()
