"""Data inside the package, found by name."""

import pytest

from smnas.data.embedded import EMBEDDED_NAMES, is_embedded, load_embedded
from smnas.errors import ConfigError


@pytest.mark.parametrize("name", EMBEDDED_NAMES)
def test_every_name_is_recognised_and_loads(name):
    assert is_embedded(name)
    data = load_embedded(name)
    assert len({data.train.data_id, data.val.data_id, data.test.data_id}) == 3
    assert f"'{name}'" in data.note


@pytest.mark.parametrize("source", ["my.json", "scenes.json", "tree", "folder/trees", "scenes_1"])
def test_files_are_left_alone(source):
    assert not is_embedded(source)


def test_a_name_with_options_is_noted_as_it_is_understood():
    data = load_embedded("scenes:hard,size=96,train=30")
    assert len(data.train) == 30
    assert "'scenes:hard,train=30,size=96'" in data.note


def test_a_wrong_name_of_scenes_is_no_file_name():
    assert is_embedded("scenes:esy")
    with pytest.raises(ConfigError, match="'easy', 'normal' or 'hard'; got 'esy'"):
        load_embedded("scenes:esy")
