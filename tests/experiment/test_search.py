"""What the parts of a search are given."""

import pickle

import pytest

from smnas.arch.parts import InputSize
from smnas.data.loader import TrainLoader
from smnas.data.sources import DataSpec, load_splits
from smnas.data.table_dataset import TableDataset
from smnas.errors import ConfigError, MissingFileError
from smnas.experiment.config import make_config
from smnas.experiment.observer import SilentObserver
from smnas.experiment.prepare import cache_pictures
from smnas.experiment.search import run_search
from smnas.space.known import known_space


@pytest.fixture(name="train")
def fixture_train():
    return load_splits(DataSpec(source="trees"), seed=0).train


def test_trials_share_what_the_search_has_decoded(make_coco, monkeypatch):
    splits = load_splits(DataSpec(source=str(make_coco())), seed=0)
    config, spaces = make_config("trees"), known_space("micro")
    cached = cache_pictures(splits, config, spaces, print)
    monkeypatch.setattr(TableDataset, "read", lambda *_: pytest.fail("decoded again"))
    again = pickle.loads(pickle.dumps(cached.train))
    for size in spaces.structural.input_sizes[:2]:
        for epoch in range(2):
            loader = TrainLoader(again, size, 2, config.recipe.augmentation, seed=0)
            assert len(list(loader.epoch(epoch))) == len(loader)


def test_pictures_in_memory_are_handed_on():
    splits = load_splits(DataSpec(source="trees"), seed=0)
    config = make_config("trees")
    assert cache_pictures(splits, config, known_space("micro"), print) == splits


def test_kept_pictures_suffice_for_every_input(train):
    spaces = known_space("paper")
    assert spaces.enclosing_input == InputSize(width=1333, height=800)
    assert spaces.structural.input_sizes[0] == InputSize(width=512, height=512)


def test_a_search_among_codes_has_no_use_for_imagenet_weights(tmp_path):
    config = make_config("trees", init="imagenet")
    with pytest.raises(ConfigError, match="got backbones by code only"):
        run_search(config, tmp_path / "run", SilentObserver())
    assert not (tmp_path / "run").exists()


def test_a_weights_file_that_is_not_there(tmp_path):
    config = make_config("trees", init=tmp_path / "none.pth")
    with pytest.raises(MissingFileError, match=r"none\.pth: no such file"):
        run_search(config, tmp_path / "run", SilentObserver())
