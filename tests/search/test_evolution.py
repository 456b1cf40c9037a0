"""Seeds, parents along the front, no duplicates, an end."""

from collections import Counter

import numpy as np
import pytest

from smnas.search.evolution import Evolution, draw_evenly
from smnas.search.parts import SearchParts
from smnas.seeding import generator
from smnas.space.coding import as_built
from smnas.trial.front import Objective, front
from smnas.trial.trial import Origin, Proposal, Trial

AP = Objective(metric="ap", maximise=True)
MACS = Objective(metric="macs_g", maximise=False, log=True)


def propose(evolution, trials, tried, rng, judge=None):
    return evolution.propose(len(trials), front(trials, (AP, MACS)), tried, rng, judge)


def starts_of(micro):
    return micro.structural.sample_spread(4, generator(9))


@pytest.fixture(name="evolution")
def fixture_evolution(micro):
    return Evolution(micro.structural, MACS, starts_of(micro), 0.0, SearchParts())


@pytest.fixture(name="measured")
def fixture_measured(make_settings, answer):
    def make(number, arch):
        budget = make_settings().stage_one
        proposal = Proposal(
            arch=arch, stage=1, origin=Origin(operator="sample"), budget=budget, seed=0
        )
        return Trial(number=number, proposal=proposal, outcome=answer(proposal))

    return make


def _pool(measured, space, count):
    rng = np.random.default_rng(0)
    return [measured(number, space.sample(rng)) for number in range(count)]


def test_first_come_random_seeds(evolution, measured, micro):
    for count in range(4):
        pool = _pool(measured, micro.structural, count)
        _, origin = propose(evolution, pool, frozenset(), generator(0, count))
        assert origin == Origin(operator="sample")


def test_starts_come_in_order_and_a_tried_one_makes_way(evolution, micro):
    starts, empty = starts_of(micro), []
    assert propose(evolution, empty, frozenset(), generator(0))[0] == starts[0]
    assert propose(evolution, empty, {as_built(starts[0])}, generator(0))[0] == starts[1]
    all_of_them = {as_built(arch) for arch in starts}
    arch, origin = propose(evolution, empty, all_of_them, generator(0))
    assert arch not in starts
    assert origin == Origin(operator="sample")


def test_then_children_of_the_front_that_differ_in_the_named_module(evolution, measured, micro):
    pool = _pool(measured, micro.structural, 6)
    for seed in range(20):
        arch, origin = propose(evolution, pool, frozenset(), generator(seed))
        parent = pool[origin.parent].proposal.arch
        changed = [n for n in type(arch).model_fields if getattr(arch, n) != getattr(parent, n)]
        assert changed in ([origin.operator], ["proposals", "head"])


def test_a_share_is_drawn_at_random_all_the_same(measured, micro):
    pool = _pool(measured, micro.structural, 6)
    often = Evolution(micro.structural, MACS, starts_of(micro), 0.5, SearchParts())
    drawn = Counter(
        propose(often, pool, frozenset(), generator(seed))[1].operator == "sample"
        for seed in range(200)
    )
    assert 70 < drawn[True] < 130


def test_without_a_front_it_draws_at_random(evolution, micro, make_settings):
    proposal = Proposal(
        arch=micro.yardstick, stage=1, origin=Origin(operator="sample"),
        budget=make_settings().stage_one, seed=0,
    )  # fmt: skip
    pool = [Trial(number=i, proposal=proposal) for i in range(9)]
    assert propose(evolution, pool, frozenset(), generator(0))[1].operator == "sample"


@pytest.mark.parametrize("random_share", [0.0, 1.0])
def test_the_whole_space_is_proposed_once_and_then_nothing(micro, measured, random_share):
    space = micro.structural.model_validate(
        {**micro.structural.model_dump(), "inputs": micro.structural.inputs[:1]}
    )
    evolution = Evolution(space, MACS, [space.sample(generator(2))], random_share, SearchParts())
    tried, pool = set(), []
    while (found := propose(evolution, pool, tried, generator(1, len(pool)))) is not None:
        assert as_built(found[0]) not in tried
        tried.add(as_built(found[0]))
        # A short pool, so that the front is small and its neighbours are used up.
        pool = [*pool[-5:], measured(len(tried), found[0])]
    assert tried == {as_built(arch) for arch in space.enumerate()}


def test_parents_are_drawn_evenly_along_their_places():
    # Three together at 1 G, one at 10 G, one at 100 G: the middle one owns half of the line.
    places = [MACS.utility(macs_g) for macs_g in (1.0, 1.0001, 1.0002, 10.0, 100.0)]
    rng = np.random.default_rng(0)
    drawn = Counter(draw_evenly(places, rng) for _ in range(4000))
    assert drawn[3] == pytest.approx(2000, abs=150)
    assert drawn[4] == pytest.approx(1000, abs=120)
    assert draw_evenly(places[:1], rng) == 0


def test_any_parent_is_as_likely_as_any_other(measured, micro):
    pool = _pool(measured, micro.structural, 8)
    parts = SearchParts(parents="any")
    evolution = Evolution(micro.structural, MACS, starts_of(micro), 0.0, parts)
    members = front(pool, (AP, MACS))
    drawn = Counter(
        propose(evolution, pool, frozenset(), generator(seed))[1].parent for seed in range(400)
    )
    assert set(drawn) == {trial.number for trial in members}
    assert min(drawn.values()) > 0.5 * 400 / len(members)


def test_of_many_offspring_the_most_promising_is_proposed_but_for_a_share(measured, micro):
    pool, seen = _pool(measured, micro.structural, 8), []

    def smallest(offspring):
        seen.append(len(offspring))
        return [(-arch.input.width, 0.0) for arch in offspring]

    widths = Counter()
    evolution = Evolution(micro.structural, MACS, starts_of(micro), 0.1, SearchParts())
    for seed in range(100):
        arch, origin = propose(evolution, pool, frozenset(), generator(seed), smallest)
        widths[arch.input.width] += 1
        assert (origin.parent is None) == (origin.operator == "sample")
    smallest_width = min(size.width for size in micro.structural.input_sizes)
    assert 70 < len(seen) < 90
    assert min(seen) > 10
    assert widths[smallest_width] > 75
    assert len(widths) > 1


def test_where_nobody_can_judge_it_mutates_as_ever(measured, micro):
    pool = _pool(measured, micro.structural, 8)
    evolution = Evolution(micro.structural, MACS, starts_of(micro), 0.0, SearchParts())
    arch, origin = propose(evolution, pool, frozenset(), generator(3), lambda _: None)
    assert origin.parent in {trial.number for trial in front(pool, (AP, MACS))}
    assert micro.structural.contains(arch)
