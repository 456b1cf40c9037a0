"""The ensemble learns what there is to learn, and the screen is a function of the trials."""

from itertools import pairwise
from math import log

import numpy as np
import pytest

from smnas.search.ensemble import Ensemble
from smnas.search.features import approximate_macs_g, describe_arch
from smnas.search.screening import Screen, last_mark
from smnas.seeding import generator
from smnas.space.known import known_space
from smnas.trial.trial import Origin, Proposal, Trial


def test_the_ensemble_learns_slopes_steps_and_its_own_doubt():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5))
    y = np.stack([2 * x[:, 0] + (x[:, 1] > 0), -x[:, 2]], axis=1)
    model = Ensemble.fit(x, y, 16, rng)
    fresh = rng.normal(size=(300, 5))
    wanted = np.stack([2 * fresh[:, 0] + (fresh[:, 1] > 0), -fresh[:, 2]], axis=1)
    predicted = model.predict(fresh)
    assert predicted.shape == (16, 300, 2)
    for output in (0, 1):
        error = predicted[..., output].mean(axis=0) - wanted[:, output]
        assert error.std() < 0.3 * wanted[:, output].std()
    far = model.predict(10 * fresh)[..., 0].std(axis=0).mean()
    assert far > 2 * predicted[..., 0].std(axis=0).mean()


def test_what_never_varies_does_no_harm():
    x, y = np.ones((20, 3)), np.full((20, 2), 0.5)
    predicted = Ensemble.fit(x, y, 4, np.random.default_rng(0)).predict(np.zeros((2, 3)))
    assert np.allclose(predicted, 0.5)


def test_fits_come_ever_more_rarely():
    marks = [last_mark(count, 20) for count in range(10_001)]
    assert marks[19] == 0
    assert all(a <= b for a, b in pairwise(marks))
    assert all(mark > 0.9 * count for count, mark in enumerate(marks) if count >= 20)
    assert len(set(marks)) < 80


@pytest.mark.parametrize("name", ["micro", "paper"])
def test_multiply_adds_without_torch_come_near_those_that_are_counted(name):
    from smnas.measure.cost import count_cost

    space, rng = known_space(name), generator(0)
    archs = [space.structural.sample(rng) for _ in range(3)]
    archs.append(space.modular.around(archs[0]).sample(rng))
    counted = [count_cost(arch.deployed, 3)[1].value for arch in archs]
    for arch, macs_g in zip(archs, counted, strict=True):
        assert abs(log(approximate_macs_g(arch) / macs_g)) < 0.4
    assert len({len(describe_arch(arch)) for arch in archs}) == 1


@pytest.fixture(name="known")
def fixture_known(micro, make_settings, answer):
    rng, budget = generator(1), make_settings().stage_one
    archs = dict.fromkeys(micro.structural.sample(rng) for _ in range(60))
    proposals = [
        Proposal(arch=arch, stage=1, origin=Origin(operator="sample"), budget=budget, seed=0)
        for arch in archs
    ]
    return [
        Trial(number=number, proposal=proposal, outcome=answer(proposal))
        for number, proposal in enumerate(proposals)
    ]


def _screen(trials, settings, **changes):
    screen = Screen(
        settings.stage_one_objectives, 7, changes.pop("fewest", 20), macs_alone=False, **changes
    )
    for trial in trials:
        screen.add(trial, trial.proposal.budget.epochs)
    return screen


def test_it_finds_who_moves_the_front(known, make_settings, micro, answer):
    from smnas.trial.front import front

    settings = make_settings()
    objectives, seen = settings.stage_one_objectives, known[:40]
    best = front(seen, objectives)
    screen = _screen(seen, settings)
    others = known[40:]
    scores = screen.score(
        [t.proposal.arch for t in others], settings.stage_one, best, objectives, len(seen)
    )
    moved = {t.number for t in others if t in front([*best, t], objectives)}
    ranked = sorted(zip(scores, others, strict=True), key=lambda pair: pair[0], reverse=True)
    hits = [trial.number in moved for _, trial in ranked]
    assert any(hits)
    assert not all(hits)
    half = len(hits) // 2
    assert sum(hits[:half]) > sum(hits[half:])


def test_it_says_nothing_before_it_knows_enough(known, make_settings):
    settings = make_settings()
    assert not _screen(known[:19], settings).is_ready(19)
    assert _screen(known[:20], settings).is_ready(20)
    screen = _screen(known[:19], settings)
    archs = [trial.proposal.arch for trial in known[20:]]
    assert screen.score(archs, settings.stage_one, [], settings.stage_one_objectives, 19) is None


def test_the_order_and_the_time_of_outcomes_change_nothing(known, make_settings):
    settings = make_settings()
    archs = [trial.proposal.arch for trial in known[50:]]
    objectives, best = settings.stage_one_objectives, known[:3]

    def scores(screen):
        return screen.score(archs, settings.stage_one, best, objectives, 45)

    at_once = scores(_screen(known[:45], settings))
    slowly = _screen(known[:30], settings)
    slowly.score(archs, settings.stage_one, best, objectives, 33)
    for trial in reversed(known[30:45]):
        slowly.add(trial, trial.proposal.budget.epochs)
    assert scores(slowly) == at_once
    assert scores(_screen(known[:45], make_settings())) == at_once
    without_a_straggler = _screen([t for t in known[:45] if t.number != 12], settings)
    assert scores(without_a_straggler) != at_once
    without_a_straggler.add(known[12], known[12].proposal.budget.epochs)
    assert scores(without_a_straggler) == at_once


def test_without_a_front_everything_moves_it(known, make_settings):
    settings = make_settings()
    archs = [trial.proposal.arch for trial in known[30:34]]
    objectives = settings.stage_one_objectives
    scores = _screen(known[:30], settings).score(archs, settings.stage_one, [], objectives, 30)
    assert all(worth > 0 for worth, _ in scores)


def test_what_is_on_its_way_leaves_nothing_to_gain_for_what_is_like_it(known, make_settings):
    settings = make_settings()
    screen, objectives = _screen(known[:40], settings), settings.stage_one_objectives
    archs = [trial.proposal.arch for trial in known[40:]]

    def worths(offspring, running):
        scores = screen.score(offspring, settings.stage_one, [], objectives, 40, running)
        return np.array([worth for worth, _ in scores])

    alone, beside = worths(archs, []), worths(archs, archs[:2])
    assert (beside <= alone).all()
    assert (beside[:2] == 0).all()
    assert beside[2:].any()
