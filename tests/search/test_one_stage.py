"""The rivals: what they share with each other and with SM-NAS, and what each does of its own."""

from collections import Counter

import numpy as np
import pytest

from smnas.search import SmNas
from smnas.search.algorithms import ALGORITHMS, make_algorithm
from smnas.search.ledger import Ledger
from smnas.search.one_stage import OneStage
from smnas.search.promotion import AshaRung, epsilon_net
from smnas.search.proposers import LocalSearch, RegularizedEvolution
from smnas.space.coding import as_built
from smnas.space.joint import JointSpace
from smnas.trial.budget import Budget
from smnas.trial.front import front
from smnas.trial.trial import Trial

RIVALS = [name for name in ALGORITHMS if name != "smnas"]
WITH_RUNGS = ("random-rungs", "nsga2-rungs", "mo-asha")


def candidates(trials):
    return [trial for trial in trials if trial.proposal.is_candidate]


@pytest.mark.parametrize("name", RIVALS)
def test_all_begin_with_the_same_members_those_of_sm_nas(micro, make_settings, world, name):
    settings = make_settings(trials=12, seeds=5)
    ours = candidates(world().play(SmNas(micro, settings)))[:5]
    theirs = candidates(world().play(make_algorithm(name, micro, settings)))
    first = [trial for trial in theirs if trial.proposal.continues is None][:5]
    assert [as_built(trial.proposal.arch) for trial in first] == [
        as_built(micro.modular.enter(trial.proposal.arch)) for trial in ours
    ]


@pytest.mark.parametrize("name", RIVALS)
def test_members_of_the_joint_space_each_network_once_and_no_more_epochs_than_given(
    micro, make_settings, world, name
):
    settings = make_settings(trials=12)
    trials = world(slots=3).play(make_algorithm(name, micro, settings))
    space, tops = JointSpace(micro), [t for t in candidates(trials) if not t.proposal.continues]
    assert all(space.contains(trial.proposal.arch) for trial in tops)
    assert max(Counter(as_built(trial.proposal.arch) for trial in tops).values()) == 1
    spent = sum(
        trial.proposal.budget.epochs_beyond(
            None if below is None else trials[below].proposal.budget
        )
        for trial in candidates(trials)
        for below in [trial.proposal.continues]
    )
    top = settings.stage_two.epochs
    assert 12 * top <= spent < 12 * top + 3 * top
    stages = [trial.proposal.stage for trial in trials]
    assert stages.count("final") == settings.finals
    assert stages[-1] == "yardstick"


@pytest.mark.parametrize("name", WITH_RUNGS)
def test_what_goes_up_continues_the_same_training(micro, make_settings, world, name):
    nine = Budget(epochs=9)
    settings = make_settings(trials=10, stage_one=nine, stage_two=nine, final=Budget(epochs=18))
    trials = world().play(make_algorithm(name, micro, settings))
    steps = [(t, trials[t.proposal.continues]) for t in trials if t.proposal.continues is not None]
    assert {trial.proposal.budget.epochs for trial, _ in steps} == {3, 9}
    for trial, lower in steps:
        own, before = trial.proposal, lower.proposal
        assert (own.arch, own.seed) == (before.arch, before.seed)
        assert own.budget.epochs == 3 * before.budget.epochs
        assert own.budget.schedule == before.budget.schedule == nine
    assert len({trial.proposal.continues for trial, _ in steps}) == len(steps)


@pytest.mark.parametrize("name", RIVALS)
def test_a_space_is_used_up_without_a_duplicate(tiny, make_settings, world, name):
    trials = world().play(make_algorithm(name, tiny, make_settings(trials=60, finals=2)))
    tried = {as_built(t.proposal.arch) for t in candidates(trials)}
    assert tried == {as_built(arch) for arch in JointSpace(tiny).enumerate()}


@pytest.mark.parametrize("name", RIVALS)
def test_failures_and_refusals_are_passed_over(
    micro, make_settings, world, fail, answer_within, name
):
    settings = make_settings(trials=8)
    failed = world(fail).play(make_algorithm(name, micro, settings), steps=60)
    assert len(candidates(failed)) >= 8
    refused = world(answer_within("macs_g <= 0.5")).play(
        make_algorithm(name, micro, settings), steps=80
    )
    assert any(trial.refused for trial in refused)
    assert all(trial.value("macs_g") <= 0.5 for trial in candidates(refused) if trial.succeeded)


def finished(micro, world, count, settings):
    return world().play(make_algorithm("random", micro, settings), steps=count)


def ledger_of(trials, settings):
    ledger = Ledger(settings.stage_one_objectives, (settings.stage_two,), lambda: AshaRung(()))
    ledger.read(trials)
    return ledger


def test_local_search_proposes_neighbours_of_the_front(micro, make_settings, world):
    settings, space = make_settings(trials=20), JointSpace(micro)
    trials = finished(micro, world, 15, settings)
    ledger = ledger_of(trials, settings)
    best = front(candidates(trials), settings.stage_one_objectives)
    for seed in range(20):
        child, origin = LocalSearch(space).draw(ledger, np.random.default_rng(seed))
        assert origin.parent in {trial.number for trial in best}
        assert child in space.moves(trials[origin.parent].proposal.arch)[origin.operator]
        assert as_built(child) not in ledger.tried


def test_evolution_mutates_the_best_of_a_sample_of_the_youngest(micro, make_settings, world):
    settings, space = make_settings(trials=30), JointSpace(micro)
    trials = finished(micro, world, 24, settings)
    alive = candidates(trials)[-6:]
    evolution = RegularizedEvolution(space, settings.stage_one_objectives, population=6, sample=6)
    best = {trial.number for trial in front(alive, settings.stage_one_objectives)}
    drawn = set()
    for seed in range(40):
        child, origin = evolution.draw(ledger_of(trials, settings), np.random.default_rng(seed))
        assert child in space.moves(trials[origin.parent].proposal.arch)[origin.operator]
        drawn.add(origin.parent)
    assert drawn == best


def test_an_epsilon_net_goes_from_the_best_to_the_farthest():
    points = np.array([[0.0, 10.0], [0.5, 5.0], [1.0, 0.0], [0.9, 1.0]])
    assert epsilon_net(points) == [2, 0, 1, 3]
    assert epsilon_net(points[:1]) == [0]


def test_asha_sends_up_the_best_share_and_each_once(micro, make_settings, world):
    settings = make_settings(trials=20)
    objectives = settings.stage_one_objectives
    trials = candidates(finished(micro, world, 14, settings))[:12]
    rung = AshaRung(objectives)
    assert rung.next_up(3) is None
    for trial in trials:
        rung.add(trial)
    up = []
    while (trial := rung.next_up(3)) is not None:
        rung.promote(trial)
        up.append(trial)
    assert len({trial.number for trial in up}) == len(up) == 4
    best = front(trials, objectives)
    assert up[0] in best
    assert {t.number for t in up[: len(best)]} <= {t.number for t in best}


def test_a_ledger_is_a_function_of_the_trials(micro, make_settings, world):
    settings = make_settings(trials=15)
    trials = finished(micro, world, 15, settings)
    whole = ledger_of(trials, settings)
    waiting = [Trial(number=t.number, proposal=t.proposal) for t in trials]
    piecewise = ledger_of(waiting, settings)
    for at in np.random.default_rng(0).permutation(len(trials)).tolist():
        waiting[at] = trials[at]
        piecewise.read(waiting)
    for name in ("begun", "tried", "epochs", "seconds", "refused"):
        assert getattr(piecewise, name) == getattr(whole, name)
    assert piecewise.front.members == whole.front.members
    piecewise.read(trials[:5])
    assert piecewise.begun == ledger_of(trials[:5], settings).begun


def test_sm_nas_is_among_them(micro, make_settings):
    assert isinstance(make_algorithm("smnas", micro, make_settings()), SmNas)
    assert isinstance(make_algorithm("tpe", micro, make_settings()), OneStage)
