"""``scenes`` as a data set: its splits, its ids, and that a picture follows from its seed alone."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from smnas.data.scenes import load as load_module
from smnas.data.scenes.load import load_scenes
from smnas.data.scenes.settings import ScenesSettings
from smnas.data.summary import summarise

SMALL = "scenes:normal,train=12,val=6,test=5,size=64"


def scenes(name=SMALL):
    return load_scenes(ScenesSettings.parse(name))


def test_splits_have_their_sizes_and_agree_on_the_classes():
    found = scenes()
    splits = found.train, found.val, found.test
    assert [len(split) for split in splits] == [12, 6, 5]
    assert [split.name for split in splits] == [f"{SMALL}/{n}" for n in ("train", "val", "test")]
    for split in splits:
        names = [(item.id, item.name) for item in split.categories]
        assert names == list(enumerate(["top", "trouser", "dress", "footwear", "bag"], start=1))
        assert split.picture_size(0) == (64, 64)
        assert len({split.picture_id(index) for index in range(len(split))}) == len(split)


def test_pictures_can_be_written_to_and_stay_as_they_are():
    val = scenes().val
    picture, annotations = val.read(2)
    before = picture.copy()
    assert picture.shape == (64, 64, 3)
    picture[:] = 0
    annotations.boxes_xyxy[:] = 0
    np.testing.assert_array_equal(val.read(2)[0], before)
    assert val.annotations(2).boxes_xyxy.any()


def test_what_is_read_is_what_the_recipe_makes():
    train = scenes().train
    for index in (0, 11):
        made, found = train._make(index)
        picture, annotations = train.read(index)
        np.testing.assert_array_equal(picture, made)
        np.testing.assert_array_equal(annotations.boxes_xyxy, found.boxes_xyxy)


def test_a_picture_does_not_depend_on_how_many_there_are():
    few, many = scenes().val, scenes("scenes:normal,val=9,size=64").val
    for index in range(len(few)):
        np.testing.assert_array_equal(few.read(index)[0], many.read(index)[0])


def test_splits_seeds_and_grades_show_other_pictures():
    first = [scenes().train, scenes().val, scenes().test]
    first += [scenes(SMALL + ",seed=1").val, scenes(SMALL.replace("normal", "hard")).val]
    assert len({dataset.read(0)[0].tobytes() for dataset in first}) == 5


def test_splits_do_not_repeat_each_other_s_layouts():
    found = scenes()
    labels = [
        [split.annotations(index).labels.tolist() for index in range(5)]
        for split in (found.train, found.val, found.test)
    ]
    assert labels[0] != labels[1] != labels[2] != labels[0]


def test_the_id_changes_with_all_that_decides_and_needs_no_picture(monkeypatch):
    monkeypatch.setattr(load_module, "render_scene", lambda *_: pytest.fail("a picture was made"))
    names = [
        SMALL,
        SMALL + ",seed=1",
        SMALL.replace("train=12", "train=13"),
        SMALL.replace("size=64", "size=65"),
        SMALL.replace("normal", "easy"),
    ]
    ids = [scenes(name).train.data_id for name in names]
    assert len(set(ids)) == len(names)
    assert scenes().train.data_id == ids[0]
    assert scenes(names[2]).val.data_id == scenes().val.data_id  # val is the same
    monkeypatch.setattr(load_module, "recipe_version", lambda *_: 9)
    assert scenes().train.data_id != ids[0]


@pytest.mark.golden
def test_the_id_of_pictures_that_tables_were_made_with_is_the_recorded_one():
    assert scenes("scenes:easy,train=800,val=300,size=96").train.data_id == "f255b89013db"


def test_pictures_are_made_once(monkeypatch):
    scenes().val.read(0)
    monkeypatch.setattr(load_module, "render_scene", lambda *_: pytest.fail("made again"))
    scenes().val.read(0)


def test_another_process_makes_the_same_bytes(monkeypatch, tmp_path):
    code = (
        "import hashlib\n"
        "from smnas.data.scenes import ScenesSettings, load_scenes\n"
        f"train = load_scenes(ScenesSettings.parse({SMALL!r})).train\n"
        "content = b''.join(p.tobytes() + a.boxes_xyxy.tobytes() for p, a in map(train.read, "
        "range(len(train))))\n"
        "print(train.data_id, hashlib.sha256(content).hexdigest())"
    )
    monkeypatch.setenv("SMNAS_CACHE_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    theirs = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    train = scenes().train
    content = b"".join(
        picture.tobytes() + found.boxes_xyxy.tobytes()
        for picture, found in map(train.read, range(len(train)))
    )
    assert theirs.stdout.split() == [train.data_id, hashlib.sha256(content).hexdigest()]


def test_training_sees_windows_of_it():
    train = scenes().train
    rng = np.random.default_rng(0)
    near, far = train.draw(1, rng, zoom=2.0), train.draw(1, rng, zoom=0.5)
    assert near.picture.shape == (32, 32, 3)
    assert (far.width, far.height) == (128, 128)


def test_a_summary_counts_what_is_there():
    summary = summarise(scenes().train)
    assert summary.pictures == 12
    assert sum(summary.boxes_by_category.values()) == summary.boxes > 12
