"""Folds: every picture of train and val is held out once."""

import numpy as np
import pytest
from pydantic import ValidationError

from smnas.data.dataset import Subset
from smnas.data.sources import DataSpec, load_splits
from smnas.errors import ConfigError


def ids_of(dataset):
    return [dataset.picture_id(index) for index in range(len(dataset))]


@pytest.fixture
def make_data(make_coco, coco_content):
    """Return a function that writes that many pictures, of films of three, some without a box."""

    def make(pictures, empty=()):
        image, item = coco_content["images"][0], coco_content["annotations"][0]
        ids = range(1, pictures + 1)
        content = {
            "images": [
                {**image, "id": i, "file_name": f"{i}.png", "film": (i - 1) // 3} for i in ids
            ],
            "annotations": [
                {**item, "id": i, "image_id": i, "category_id": (3, 7)[i % 2]}
                for i in ids
                if i not in empty
            ],
            "categories": coco_content["categories"],
        }
        return str(make_coco(content))

    return make


@pytest.mark.parametrize("folds", [3, 5, 10])
def test_each_picture_is_held_out_once_and_never_by_its_own_training(make_data, folds):
    splits = load_splits(DataSpec(source=make_data(40), folds=folds), seed=0)
    found = splits.folds
    assert len(found) == folds
    assert splits.judged is splits.learned is found.pool
    held_out = [ids_of(found.held_out(fold)) for fold in range(folds)]
    pool = ids_of(found.pool)
    assert (
        sorted(i for part in held_out for i in part)
        == pool
        == sorted(ids_of(splits.train) + ids_of(splits.val))
    )
    for fold, part in enumerate(held_out):
        learned = ids_of(found.train(fold))
        assert not set(part) & set(learned)
        assert sorted(part + learned) == pool
    others = [len(part) for part in held_out[1:]]
    assert max(others) - min(others) <= 1


def test_candidates_and_the_test_are_those_of_a_search_without_folds(make_data):
    path = make_data(40)
    plain = load_splits(DataSpec(source=path), seed=0)
    folded = load_splits(DataSpec(source=path, folds=4), seed=0)
    for name in ("train", "val", "test"):
        assert getattr(folded, name).data_id == getattr(plain, name).data_id
    assert plain.judged is plain.val
    assert plain.learned is plain.train
    assert ids_of(folded.folds.train(0)) == ids_of(plain.train)
    assert ids_of(folded.folds.held_out(0)) == ids_of(plain.val)
    assert (plain.own_val, folded.own_val) == (False, False)


def test_are_the_same_for_the_same_seed_only(make_data):
    spec = DataSpec(source=make_data(40), folds=3)
    parts = [load_splits(spec, seed=seed).folds.parts for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]


def test_what_belongs_together_is_held_out_together(make_data):
    folds = load_splits(DataSpec(source=make_data(60), group_by="film", folds=4), seed=0).folds
    films = [{(i - 1) // 3 for i in ids_of(folds.held_out(fold))} for fold in range(4)]
    assert sum(map(len, films)) == len(set.union(*films))


def test_every_fold_has_an_object_to_find(make_data):
    folds = load_splits(DataSpec(source=make_data(30, empty=range(7, 31)), folds=4), seed=0).folds
    for fold in range(4):
        part = folds.held_out(fold)
        assert any(len(part.annotations(index)) for index in range(len(part)))


def test_trainings_read_the_pool_in_another_form(make_data):
    splits = load_splits(DataSpec(source=make_data(12), folds=3), seed=0)
    dark = Subset(splits.learned, range(len(splits.learned)), "dark")
    dark.read = lambda index: (np.zeros((2, 2, 3), np.uint8), splits.learned.annotations(index))
    shown = splits.shown_as(dark)
    assert ids_of(shown.train) == ids_of(splits.train)
    assert not shown.train.read(0)[0].any()
    assert not shown.folds.train(2).read(0)[0].any()
    assert shown.folds.held_out(2).read(0)[0].any()
    assert shown.val.read(0)[0].any()


class TestRefused:
    def test_where_the_data_bring_a_split(self, make_data):
        path = make_data(12)
        with pytest.raises(ConfigError, match=r"validation split of its own.*leave out folds"):
            load_splits(DataSpec(source=path, val=path, folds=3), seed=0)
        with pytest.raises(ConfigError, match="bring their own splits"):
            load_splits(DataSpec(source="trees", folds=3), seed=0)

    def test_where_there_are_fewer_groups_than_folds(self, make_data):
        spec = DataSpec(source=make_data(10), folds=10)
        with pytest.raises(ConfigError, match=r"cannot be dealt into 9 more folds.*at most 7"):
            load_splits(spec, seed=0)

    @pytest.mark.parametrize("folds", [1, 2, 11])
    def test_numbers_that_make_no_sense(self, folds):
        with pytest.raises(ValidationError):
            DataSpec(source="my.json", folds=folds)
