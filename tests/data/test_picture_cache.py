"""Pictures in the cache: shrunk, with their boxes, made once, and anew when a file changes."""

import os
import pickle

import numpy as np
import pytest
from PIL import Image

from smnas.arch.parts import InputSize
from smnas.data import cache
from smnas.data.cache import cache_folder
from smnas.data.coco import load_coco
from smnas.data.dataset import Subset
from smnas.data.picture_cache import CachedPictures, for_training
from smnas.data.table_dataset import TableDataset
from smnas.errors import DataError, MissingFileError, StorageFullError

SIZE = InputSize(width=32, height=32)


@pytest.fixture(autouse=True)
def fixture_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(name="dataset")
def fixture_dataset(make_coco):
    return load_coco(make_coco())


@pytest.fixture(name="decoded")
def fixture_decoded(monkeypatch):
    """The files that have been decoded."""
    files, read = [], TableDataset.read

    def count(self, index):
        files.append(index)
        return read(self, index)

    monkeypatch.setattr(TableDataset, "read", count)
    return files


def pictures(dataset):
    return [dataset.read(index)[0].copy() for index in range(len(dataset))]


def test_pictures_are_shrunk_to_what_the_largest_zoom_needs(dataset):
    cached = CachedPictures(dataset, SIZE, zoom=1.5)
    picture, found = cached.read(0)
    assert picture.shape == (36, 48, 3)
    assert cached.picture_size(0) == (48, 36)
    np.testing.assert_allclose(found.boxes_xyxy, [[3, 3.75, 18, 15.75]])
    np.testing.assert_array_equal(cached.annotations(0).boxes_xyxy, found.boxes_xyxy)


def test_small_pictures_are_left_alone(dataset):
    cached = CachedPictures(dataset, InputSize(width=640, height=480), zoom=0.5)
    np.testing.assert_array_equal(cached.read(1)[0], dataset.read(1)[0])
    np.testing.assert_array_equal(cached.read(1)[1].boxes_xyxy, dataset.read(1)[1].boxes_xyxy)


def test_it_is_the_same_data(dataset):
    cached = CachedPictures(dataset, SIZE)
    assert (cached.data_id, cached.name, cached.categories) == (
        dataset.data_id,
        dataset.name,
        dataset.categories,
    )
    assert (len(cached), cached.picture_id(3), cached.in_memory) == (6, 13, True)


def test_what_is_kept_cannot_be_written_to(dataset):
    with pytest.raises(ValueError, match="read-only"):
        CachedPictures(dataset, SIZE).read(0)[0][:] = 0


class TestOnce:
    def test_every_picture_is_decoded_once_whoever_reads_it(self, dataset, decoded):
        first = pictures(CachedPictures(dataset, SIZE))
        again = pictures(CachedPictures(dataset, SIZE))
        elsewhere = pickle.loads(pickle.dumps(CachedPictures(dataset, SIZE)))
        for ours, theirs, third in zip(first, again, pictures(elsewhere), strict=True):
            np.testing.assert_array_equal(ours, theirs)
            np.testing.assert_array_equal(ours, third)
        assert sorted(decoded) == list(range(6))

    def test_what_is_sent_to_another_process_holds_no_pixels(self, dataset):
        cached = CachedPictures(dataset, SIZE)
        before = len(pickle.dumps(cached))
        cached.prepare()
        assert len(pickle.dumps(cached)) == before

    @pytest.mark.parametrize(
        "other", [{"size": InputSize(width=48, height=32)}, {"zoom": 1.3}], ids=["size", "zoom"]
    )
    def test_other_sizes_are_other_pictures(self, dataset, decoded, other):
        CachedPictures(dataset, SIZE).prepare()
        CachedPictures(dataset, **{"size": SIZE, **other}).prepare()
        assert len(decoded) == 12

    def test_changed_annotations_keep_the_pictures(self, make_coco, coco_content, decoded):
        CachedPictures(load_coco(make_coco()), SIZE).prepare()
        coco_content["annotations"][0]["bbox"] = [1, 1, 9, 9]
        changed = CachedPictures(load_coco(make_coco(pictures=False)), SIZE)
        _, found = changed.read(0)
        np.testing.assert_allclose(found.boxes_xyxy, [[0.5, 0.5, 5, 5]])
        assert len(decoded) == 6

    def test_a_changed_picture_is_decoded_anew_though_its_bytes_and_date_are_as_many(self, dataset):
        before = pictures(CachedPictures(dataset, SIZE))
        file = dataset.picture_file(2)
        was = os.stat(file)
        Image.new("RGB", (64, 48), "red").save(file)
        file.write_bytes(file.read_bytes().ljust(was.st_size, b"\0"))
        os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
        assert os.stat(file).st_size == was.st_size
        after = pictures(CachedPictures(dataset, SIZE))
        same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
        assert same == [True, True, False, True, True, True]


class TestWholeOrNotAtAll:
    def test_a_picture_that_cannot_be_read_leaves_nothing(self, dataset):
        dataset.picture_file(4).write_bytes(b"nothing")
        with pytest.raises(DataError, match=r"picture_4\.jpg: not a picture"):
            CachedPictures(dataset, SIZE).prepare()
        assert list(cache_folder().iterdir()) == []

    def test_a_picture_that_is_gone_is_told(self, dataset):
        dataset.picture_file(4).unlink()
        with pytest.raises(MissingFileError, match=r"picture_4\.jpg: no such picture file"):
            CachedPictures(dataset, SIZE).prepare()

    @pytest.mark.parametrize("file", ["pixels.bin", "shapes.npy"])
    def test_a_damaged_folder_is_made_again(self, dataset, file):
        before = pictures(CachedPictures(dataset, SIZE))
        (folder,) = cache_folder().iterdir()
        (folder / file).write_bytes((folder / file).read_bytes()[:100])
        for ours, theirs in zip(pictures(CachedPictures(dataset, SIZE)), before, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_a_folder_that_cannot_be_made_is_told(self, dataset):
        cache_folder().write_text("a file")
        with pytest.raises(StorageFullError, match="name another folder in SMNAS_CACHE_DIR"):
            CachedPictures(dataset, SIZE).prepare()


@pytest.mark.parametrize(("limit_mib", "kept"), [(10, 6), (1 / 256, 1), (0, 0)])
def test_what_goes_beyond_the_limit_is_decoded_each_time(
    dataset, decoded, monkeypatch, limit_mib, kept
):
    monkeypatch.setattr(cache, "_SPARE_BYTES", 0)
    monkeypatch.setenv("SMNAS_CACHE_GIB", str(limit_mib / 1024))
    cached = CachedPictures(dataset, SIZE)
    first, second = pictures(cached), pictures(cached)
    for ours, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert sorted(decoded) == sorted([*range(6), *range(kept, 6)])


class TestForTraining:
    def test_pictures_on_disk_are_cached(self, dataset):
        assert isinstance(for_training(dataset, SIZE, 1.25), CachedPictures)
        assert isinstance(for_training(Subset(dataset, [3, 1], "two"), SIZE, 1.25), CachedPictures)

    def test_what_needs_no_decoding_is_handed_back(self, dataset):
        cached = CachedPictures(dataset, SIZE)
        assert for_training(cached, SIZE, 1.25) is cached

    def test_pictures_without_files_are_handed_back(self, dataset, monkeypatch):
        monkeypatch.setattr(TableDataset, "picture_file", lambda *_: None)
        assert for_training(dataset, SIZE, 1.25) is dataset
