"""Pictures on disk: whole or not at all, made once, whoever makes them at once."""

import errno
import subprocess
import sys
import threading

import numpy as np
import pytest

from smnas.data.annotations import Annotations
from smnas.data.scenes import store
from smnas.data.scenes.store import keep_pictures
from smnas.errors import StorageFullError

COUNT, SIZE = 5, 8


def make(index):
    """Return a picture full of its index, with as many objects as that; index 0 has none."""
    boxes = [[k, 0, k + 1, 2] for k in range(index)]
    found = Annotations.of(boxes, labels=range(index), ignore=[k == 1 for k in range(index)])
    return np.full((SIZE, SIZE, 3), index, dtype=np.uint8), found


def unmade(index):
    pytest.fail(f"picture {index} was made again")


def check(kept):
    assert kept.pictures_NHW3.shape == (COUNT, SIZE, SIZE, 3)
    for index in range(COUNT):
        picture, annotations = make(index)
        np.testing.assert_array_equal(kept.pictures_NHW3[index], picture)
        found = kept.annotations(index)
        for name in ("boxes_xyxy", "labels", "ignore"):
            ours, theirs = getattr(found, name), getattr(annotations, name)
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)


def test_what_is_kept_is_what_was_made_and_is_made_once():
    check(keep_pictures("a", COUNT, SIZE, make))
    check(keep_pictures("a", COUNT, SIZE, unmade))


def test_pictures_without_any_object_are_kept():
    kept = keep_pictures("a", 1, SIZE, make)
    assert len(kept.annotations(0)) == 0
    assert kept.annotations(0).boxes_xyxy.shape == (0, 4)


def test_other_names_are_other_pictures(cache):
    keep_pictures("a", COUNT, SIZE, make)
    keep_pictures("b", COUNT, SIZE, make)
    assert sorted(path.name for path in cache.iterdir()) == ["a", "b"]


def test_what_was_broken_off_leaves_nothing(cache):
    def fail(index):
        if index == 3:
            raise KeyboardInterrupt
        return make(index)

    with pytest.raises(KeyboardInterrupt):
        keep_pictures("a", COUNT, SIZE, fail)
    assert list(cache.iterdir()) == []
    check(keep_pictures("a", COUNT, SIZE, make))


def test_a_process_that_was_killed_leaves_nothing_that_is_taken_for_pictures(cache):
    code = (
        "import os, numpy as np\n"
        "from smnas.data.annotations import Annotations\n"
        "from smnas.data.scenes.store import keep_pictures\n"
        "def make(i):\n"
        "    if i == 3: os._exit(9)\n"
        "    return np.zeros((8, 8, 3), np.uint8), Annotations.of([])\n"
        "keep_pictures('a', 5, 8, make)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == 9
    assert not (cache / "a").exists()
    check(keep_pictures("a", COUNT, SIZE, make))


def test_two_that_make_the_same_at_once_both_get_it(cache):
    both = threading.Barrier(2, timeout=30)
    found = []

    def make_together(index):
        if index == COUNT - 1:
            both.wait()  # both have begun, and neither is done
        return make(index)

    def work():
        found.append(keep_pictures("a", COUNT, SIZE, make_together))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    for kept in found:
        check(kept)
    assert [path.name for path in cache.iterdir()] == ["a"]


@pytest.mark.parametrize("file", ["pictures.npy", "objects.npy"])
@pytest.mark.parametrize("size", [0, 100, 200])
def test_a_damaged_folder_is_made_again(cache, file, size):
    keep_pictures("a", COUNT, SIZE, make)
    path = cache / "a" / file
    path.write_bytes(path.read_bytes()[:size])
    check(keep_pictures("a", COUNT, SIZE, make))


def test_a_full_disk_is_told_and_leaves_nothing(cache, monkeypatch):
    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "finish", full)
    with pytest.raises(StorageFullError, match=r"No space left.*need 0 MiB.*SMNAS_CACHE_DIR"):
        keep_pictures("a", COUNT, SIZE, make)
    assert list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(cache):
    cache.write_text("a file")
    with pytest.raises(StorageFullError, match=r"cannot be kept.*name another folder"):
        keep_pictures("a", COUNT, SIZE, make)
