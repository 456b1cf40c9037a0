"""Names of scenes: what they stand for, and what is said about wrong ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smnas.data.scenes.settings import GRADES, ScenesSettings, names_scenes
from smnas.errors import ConfigError

COUNTS = st.integers(1, 1_000_000)


@given(
    st.builds(
        ScenesSettings,
        grade=st.sampled_from(sorted(GRADES)),
        train=COUNTS,
        val=COUNTS,
        test=COUNTS,
        size=st.integers(32, 1024),
        seed=st.integers(0, 2**63 - 1),
    )
)
def test_a_name_says_all_and_is_read_back(settings):
    assert ScenesSettings.parse(str(settings)) == settings


def test_options_come_in_any_order_and_defaults_are_left_out():
    settings = ScenesSettings.parse("scenes:hard,size=128,seed=3,train=1000,val=7")
    assert (settings.grade, settings.size, settings.seed) == ("hard", 128, 3)
    assert [settings.count(split) for split in ("train", "val", "test")] == [1000, 7, 400]
    assert str(settings) == "scenes:hard,val=7,size=128,seed=3"
    assert str(ScenesSettings.parse("scenes:easy")) == "scenes:easy"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("scenes", "expected a grade: scenes:easy, scenes:normal, scenes:hard"),
        ("scenes:", "expected a grade"),
        ("trees", "expected a grade"),
        ("scenes:esy", "grade: .*'easy', 'normal' or 'hard'; got 'esy'"),
        ("scenes:easy,sise=64", "sise: unknown key; did you mean 'size'"),
        ("scenes:easy,train", r"'train': expected KEY=NUMBER, as in scenes:easy,train=400"),
        ("scenes:easy,", "'': expected KEY=NUMBER"),
        ("scenes:easy,train=many", "train: .*valid integer.*; got 'many'"),
        ("scenes:easy,train=1.5", "train: .*valid integer"),
        ("scenes:easy,size=8,val=0", "val: .*; got '0'; size: .*; got '8'"),
        ("scenes:easy,val=3,val=4", "val is given twice"),
        ("scenes:easy,grade=hard", "grade is given twice"),
        ("scenes:easy,seed=-1", "seed: .*; got '-1'"),
    ],
)
def test_a_wrong_name_is_told_with_what_would_be_right(name, told):
    with pytest.raises(ConfigError, match=f"data '{name}': {told}"):
        ScenesSettings.parse(name)


def test_wrong_names_are_still_recognised_as_meant_for_scenes():
    assert names_scenes("scenes:esy")
    assert names_scenes("scenes")
    assert not names_scenes("scenes.json")
    assert not names_scenes("my/scenes:easy")


def test_grades_are_those_of_the_documents():
    found = {name: (g.objects, g.long_side, g.digits, g.noise) for name, g in GRADES.items()}
    assert found == {
        "easy": ((1, 3), (0.25, 0.55), 0, 9.0),
        "normal": ((1, 7), (0.10, 0.55), 3, 9.0),
        "hard": ((5, 12), (0.06, 0.40), 3, 15.0),
    }
