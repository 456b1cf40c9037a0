"""The random split, on its own."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.data.annotations import Annotations
from smnas.data.dataset import Category, DetectionDataset
from smnas.data.split import split_pictures

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


class Plain(DetectionDataset):
    """Pictures that only know whether they show an object."""

    name = "plain"
    categories = (Category(1, "thing"),)
    data_id = "0" * 12

    def __init__(self, shows_object):
        self.shows_object = shows_object

    def __len__(self):
        return len(self.shows_object)

    def picture_id(self, index):
        return index

    def picture_size(self, index):
        return 10, 10

    def annotations(self, index):
        return Annotations.of([[1, 1, 5, 5]] if self.shows_object[index] else [])

    def read(self, index):
        raise NotImplementedError


@settings(deadline=None, max_examples=100)
@given(filled=st.integers(3, 60), empty=st.integers(0, 60), seed=st.integers(0, 99))
def test_every_picture_goes_to_one_part_and_every_part_shows_objects(filled, empty, seed):
    dataset = Plain([True] * filled + [False] * empty)
    parts = split_pictures(dataset, SHARES, seed)
    assert sorted(chain.from_iterable(parts.values())) == list(range(filled + empty))
    assert all(any(index < filled for index in part) for part in parts.values())
    assert all(part == sorted(part) for part in parts.values())


@pytest.mark.parametrize(("filled", "sizes"), [(3, [1, 1, 1]), (4, [2, 1, 1]), (100, [70, 15, 15])])
def test_parts_have_their_shares(filled, sizes):
    parts = split_pictures(Plain([True] * filled), SHARES, seed=0)
    assert [len(part) for part in parts.values()] == sizes


@settings(deadline=None, max_examples=100)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=3, max_size=30),
    filled=st.lists(st.booleans(), min_size=30, max_size=30),
    seed=st.integers(0, 99),
)
def test_groups_stay_on_one_side_and_no_part_is_too_large(sizes, filled, seed):
    filled = [True] * 3 + filled[3:]
    groups = np.concatenate([np.full(n, sum(sizes[:g])) for g, n in enumerate(sizes)])
    dataset = Plain([filled[g] for g, n in enumerate(sizes) for _ in range(n)])
    parts = split_pictures(dataset, SHARES, seed, groups)
    assert sorted(chain.from_iterable(parts.values())) == list(range(sum(sizes)))
    assert sum(len({int(groups[i]) for i in part}) for part in parts.values()) == len(sizes)
    for name in ("val", "test"):
        assert any(dataset.shows_object[i] for i in parts[name])
        largest = max(sizes)
        assert len(parts[name]) <= max(2 * largest, 0.15 * sum(sizes) + 1)
