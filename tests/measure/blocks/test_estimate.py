import pytest

from smnas.measure.blocks.estimate import FEWEST_ALIKE, find_laws
from smnas.measure.blocks.work import Work

WORKS = [Work("conv", 10**5 * n * n, 10**4 * (n % 5 + 1)) for n in range(1, 13)]


def ms_of(work: Work) -> float:
    return 0.02 + 3e-8 * work.macs + 2e-7 * work.values


def test_a_law_tells_the_time_of_a_block_that_was_not_timed():
    law = find_laws((work, ms_of(work)) for work in WORKS)["conv"]
    unseen = Work("conv", 7_654_321, 23_456)
    assert law.tell(unseen) == pytest.approx(ms_of(unseen), rel=1e-6)
    assert law.deviation < 1e-6


def test_the_deviation_is_how_far_blocks_are_from_it():
    noisy = ((work, ms_of(work) * (1.2 if n % 2 else 0.85)) for n, work in enumerate(WORKS))
    assert 0.1 < find_laws(noisy)["conv"].deviation < 0.3


def test_no_law_of_few_or_of_what_is_like_nothing():
    few = [(work, ms_of(work)) for work in WORKS[: FEWEST_ALIKE - 1]]
    alone = [(Work(None), 0.1)] * 20
    assert find_laws([*few, *alone]) == {}
