"""What a history answers is a function of the trials, however they came."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.search import SmNas
from smnas.search.history import History, Pool
from smnas.space.coding import as_built
from smnas.space.modular import frame_of
from smnas.trial.front import front


@pytest.fixture(name="played", scope="module", params=["equal budgets", "other budgets"])
def fixture_played(request, micro, make_settings, world, answer_within):
    """A search with refusals and, of the rest, finals: its settings and trials."""
    longer = {"stage_two": {"epochs": 5}} if request.param == "other budgets" else {}
    settings = make_settings(trials=20, groups=2, **longer)
    trials = world(answer_within("latency_ms <= 25"), slots=3).play(SmNas(micro, settings))
    assert any(trial.refused for trial in trials)
    return settings, trials


def _answers(history, settings, micro, trials):
    frames = {frame_of(t.proposal.arch) for t in trials if micro.modular.contains(t.proposal.arch)}
    pools = [
        history.structures(),
        *(history.group(frame) for frame in sorted(frames, key=str)),
    ]
    return (
        [(pool.size, [trial.number for trial in pool.front]) for pool in pools],
        {stage: set(history.tried(stage)) for stage in (1, 2)},
        {stage: history.unfinished(stage) for stage in (1, 2, "final", "yardstick")},
        history.unfinished(),
        {stage: (s.trials, s.refused, sorted(s.seconds)) for stage, s in history.spent.items()},
        dict(history.in_group),
        [history.is_given(trial.proposal) for trial in trials],
    )


@given(data=st.data())
@settings(deadline=None, max_examples=15)
def test_read_bit_by_bit_in_any_order_it_answers_as_if_read_at_once(played, micro, data):
    settings, trials = played
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
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
    ones = [t for t in trials if t.proposal.stage == 1]
    assert history.structures().front == front(ones, settings.stage_one_objectives)
    assert history.structures().size == sum(not t.refused for t in ones)
    candidates = [t for t in trials if t.proposal.is_candidate]
    for group in [t for t in ones if micro.modular.contains(t.proposal.arch)][:5]:
        around = micro.modular.around(group.proposal.arch)
        inside = [
            t
            for t in candidates
            if t.proposal.budget == settings.stage_two and around.contains(t.proposal.arch)
        ]
        assert history.group(around.frame).front == front(inside, settings.stage_two_objectives)
        stage_two = [t for t in candidates if t.proposal.stage == 2]
        shared = sum(around.contains(t.proposal.arch) for t in stage_two)
        assert history.in_group[around.frame] == shared
    tried = {
        as_built(t.proposal.arch)
        for t in candidates
        if t.proposal.stage == 2 or t.proposal.budget == settings.stage_two or t.refused
    }
    assert tried <= history.tried(2)
    assert {as_built(arch.deployed) for arch in history.tried(2) - tried} <= {
        as_built(t.proposal.arch.deployed) for t in candidates if t.refused
    }


def test_what_contradicts_it_makes_it_begin_again(played, micro):
    settings, trials = played
    history = History(settings, micro.modular)
    for known in (trials, trials[:7], [], trials[3:], [*trials[:2], *trials[4:]]):
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
    pool.size = len(listed)
    for at in np.random.default_rng(seed).permutation(len(listed)):
        pool.finish(listed[at])
    assert pool.front == front(listed, objectives)
    assert pool.size == Pool.of(listed, objectives).size == sum(not t.refused for t in listed)
