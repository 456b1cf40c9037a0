import numpy as np
import pytest

from smnas.data.annotations import Annotations
from smnas.errors import DataError
from smnas.measure.accuracy import coco_ap, paired_difference
from smnas.measure.noise_floor import imagine, noise_floor


def test_same_seed_same_floor(dataset):
    assert noise_floor(dataset, 3) == noise_floor(dataset, 3)
    assert noise_floor(dataset, 3) != noise_floor(dataset, 4)


def test_four_times_the_pictures_halve_the_floor(build_dataset):
    few, many = (noise_floor(build_dataset(0, count, ids=(1,))) for count in (60, 240))
    assert few.ap50 / many.ap50 == pytest.approx(2.0, rel=0.35)
    assert few.ap / many.ap == pytest.approx(2.0, rel=0.35)


def test_large_sets_are_estimated_from_a_part(build_dataset):
    floors = [noise_floor(build_dataset(0, count, ids=(1,))).ap50 for count in (500, 2000)]
    assert floors[0] / floors[1] == pytest.approx(2.0, rel=0.5)


def test_the_made_up_detectors_have_the_skill_that_is_assumed(build_dataset):
    dataset = build_dataset(0, 300, ids=(1,))
    ap50 = coco_ap(dataset, imagine(dataset, np.random.default_rng(0)))["ap50"]
    assert ap50 == pytest.approx(0.5, abs=0.1)


def test_it_agrees_with_the_paired_bootstrap_of_two_made_up_detectors(build_dataset):
    dataset, rng = build_dataset(0, 200, ids=(1,)), np.random.default_rng(7)
    widths = []
    for _ in range(6):
        pair = imagine(dataset, rng), imagine(dataset, rng)
        interval = paired_difference(dataset, *pair, replicates=200)["ap50"].interval
        assert interval is not None
        widths.append((interval.high - interval.low) / 2)
    assert noise_floor(dataset).ap50 == pytest.approx(np.mean(widths), rel=0.35)


def test_the_sentence_says_pictures_objects_and_points(build_list):
    dataset = build_list([Annotations.of([[0, 0, 50, 50], [60, 60, 90, 99]])] * 10, [1])
    floor = noise_floor(dataset)
    assert "10 pictures and 20 objects" in floor.sentence
    assert f"{100 * floor.ap50:.1f} points of AP50" in floor.sentence


def test_pictures_without_objects_do_not_disturb(build_list):
    empty, full = Annotations.of([]), Annotations.of([[0, 0, 50, 50]])
    floor = noise_floor(build_list([empty] * 30 + [full] * 5, [1]))
    assert 0.0 < floor.ap50 < 2.0


def test_nothing_to_find_is_an_error(build_list):
    with pytest.raises(DataError, match="no object to find"):
        noise_floor(build_list([Annotations.of([])], [1]))
