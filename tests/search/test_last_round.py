"""The last round: finals, and as many yardsticks beside them as are asked for."""

import pytest

from smnas.search.algorithms import make_algorithm
from smnas.space.known import known_space


@pytest.mark.parametrize("name", ["smnas", "random"])
@pytest.mark.parametrize(("yardsticks", "trained"), [(1, 1), (2, 2), (9, 3)])
def test_the_first_yardstick_comes_last_and_all_have_the_final_budget(
    micro, make_settings, world, name, yardsticks, trained
):
    settings = make_settings(trials=8, finals=2, yardsticks=yardsticks)
    trials = world().play(make_algorithm(name, micro, settings))
    last = [t.proposal for t in trials if t.proposal.budget == settings.final]
    assert [p.stage for p in last] == ["yardstick"] * (trained - 1) + ["final"] * 2 + ["yardstick"]
    beside = [p.arch for p in last if p.stage == "yardstick"]
    wanted = [arch.replace(norm=settings.final_norms[0]) for arch in micro.yardsticks[:trained]]
    assert [*beside[-1:], *beside[:-1]] == wanted
    assert trials[-1].proposal == last[-1]


def test_without_a_finalist_no_yardstick_is_trained_for_long(micro, make_settings, world, fail):
    settings = make_settings(trials=4, yardsticks=3)
    trials = world(fail).play(make_algorithm("smnas", micro, settings))
    assert [t.proposal.stage for t in trials].count("yardstick") == 1


def test_the_classics_stand_at_the_width_of_each_space(micro, paper):
    for pair, width in ((micro, 64), (paper, 256)):
        heads = {arch.head.kind for arch in pair.yardsticks}
        assert heads == {"retina", "rcnn", "cascade"}
        assert {arch.neck.width for arch in pair.yardsticks} == {width}
        assert len({arch.input for arch in pair.yardsticks}) == 1


@pytest.fixture(name="paper", scope="module")
def fixture_paper():
    return known_space("paper")
