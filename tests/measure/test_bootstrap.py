import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.measure.accuracy import coco_ap
from smnas.measure.bootstrap import draw_weights, percentile_interval, weighted_ap
from smnas.measure.hits import Hits, find_hits


def as_list(values: dict[str, float | None]) -> list[float]:
    return [np.nan if value is None else value for value in values.values()]


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    pictures=st.integers(1, 15),
    categories=st.integers(1, 4),
    found=st.floats(0.0, 1.0),
)
def test_equal_weights_give_the_librarys_ap(
    build_dataset, build_predictions, seed, pictures, categories, found
):
    dataset = build_dataset(seed, pictures, 4.0, range(5, 5 + categories))
    predictions = build_predictions(dataset, seed + 1, found)
    ours = weighted_ap(find_hits(dataset, predictions), np.ones((1, pictures), np.float32))[:, 0]
    np.testing.assert_allclose(ours, as_list(coco_ap(dataset, predictions)), rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_weight_two_means_there_twice(build_dataset, build_predictions, build_list, seed):
    dataset = build_dataset(seed, 10)
    predictions = build_predictions(dataset, seed + 1, digits=9)
    weights_BP = draw_weights(10, 3, seed)
    ours_6B = weighted_ap(find_hits(dataset, predictions), weights_BP)
    for column, weights_P in enumerate(weights_BP.astype(int)):
        drawn = np.repeat(np.arange(10), weights_P)
        again = build_list([dataset.annotations(index) for index in drawn], (7, 3, 90))
        if not any(item.objects.any() for item in map(again.annotations, range(10))):
            assert np.isnan(ours_6B[:, column]).all()
            continue
        values = as_list(coco_ap(again, [predictions[index] for index in drawn]))
        np.testing.assert_allclose(ours_6B[:, column], values, rtol=0, atol=1e-9)


def test_many_sets_at_once_are_what_each_is_alone(dataset, predictions):
    hits = find_hits(dataset, predictions)
    weights_BP = draw_weights(len(dataset), 70, 0)
    together = weighted_ap(hits, weights_BP)
    alone = np.concatenate([weighted_ap(hits, row[None]) for row in weights_BP], axis=1)
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-12)


def test_without_sizes_the_other_rows_are_the_same(dataset, predictions):
    hits, weights_BP = find_hits(dataset, predictions), draw_weights(len(dataset), 5, 0)
    short = weighted_ap(hits, weights_BP, by_size=False)
    np.testing.assert_array_equal(short[:3], weighted_ap(hits, weights_BP)[:3])
    assert np.isnan(short[3:]).all()


def test_draws_are_those_of_the_seed_and_as_many_as_there_are_pictures():
    drawn = draw_weights(30, 200, 5)
    np.testing.assert_array_equal(drawn, draw_weights(30, 200, 5))
    assert (drawn != draw_weights(30, 200, 6)).any()
    assert (drawn.sum(axis=1) == 30).all()
    assert abs((drawn == 0).mean() - np.exp(-1)) < 0.02  # a share of 1/e is never drawn


def test_intervals_leave_out_sets_without_a_value():
    values = np.concatenate([np.arange(101.0), [np.nan] * 20])
    interval = percentile_interval(values)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((2.5, 97.5))
    assert percentile_interval(np.full(3, np.nan)) is None


def test_the_interval_covers_what_other_sets_of_pictures_show(build_dataset, build_predictions):
    """Nominal 95 %: the AP of a huge set lies in the intervals of small ones."""

    def judge(seed: int, pictures: int) -> Hits:
        dataset = build_dataset(seed, pictures, ids=(1,))
        return find_hits(dataset, build_predictions(dataset, seed + 1))

    truth = weighted_ap(judge(9_999, 1500), np.ones((1, 1500), np.float32))[0, 0]
    covered = 0
    for seed in range(60):
        hits = judge(seed, 40)
        drawn = weighted_ap(hits, draw_weights(40, 300, seed), by_size=False)[0]
        interval = percentile_interval(drawn)
        assert interval is not None
        covered += interval.low <= truth <= interval.high
    assert covered >= 48  # 80 %: small sets are biased and a little short of 95 %


def test_five_hundred_pictures_take_a_moment(build_dataset, build_predictions):
    dataset = build_dataset(0, 500)
    hits = find_hits(dataset, build_predictions(dataset, 1))
    start = time.process_time()
    weighted_ap(hits, draw_weights(500, 1000, 0))
    assert time.process_time() - start < 6.0  # 0.7 s on a quiet core


def test_torch_keeps_its_threads(dataset, predictions):
    before = torch.get_num_threads()
    weighted_ap(find_hits(dataset, predictions), draw_weights(len(dataset), 2, 0))
    assert torch.get_num_threads() == before


@pytest.mark.slow
def test_a_set_as_large_as_cocos_takes_seconds(build_dataset, build_predictions):
    dataset = build_dataset(0, 5000, 7.2, range(1, 81))
    hits = find_hits(dataset, build_predictions(dataset, 1))
    start = time.process_time()
    weighted_ap(hits, draw_weights(5000, 1000, 0))
    assert time.process_time() - start < 10.0  # 5 s on a core that others use too
