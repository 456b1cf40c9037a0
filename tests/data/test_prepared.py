"""Prepared tables: the same data as the file, read once, and never instead of an error."""

import json

import numpy as np
import pytest

from smnas.data import coco, formats, prepared
from smnas.data.cache import cache_folder
from smnas.data.faults import KeptFaults
from smnas.data.formats import open_source
from smnas.errors import DataError


@pytest.fixture(autouse=True)
def fixture_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(prepared, "LEAST_BYTES", 0)


@pytest.fixture(name="reads")
def fixture_reads(monkeypatch):
    """The files that have been read in full."""
    files = []
    for module, name in ((formats, "load_coco"), (formats, "load_bdd100k")):
        whole = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda path, *more, whole=whole: files.append(path) or whole(path, *more)
        )
    return files


def open_train(path):
    return open_source(path)["train"]


def assert_same(ours, theirs):
    assert (ours.data_id, ours.name, ours.path) == (theirs.data_id, theirs.name, theirs.path)
    assert (ours.categories, len(ours)) == (theirs.categories, len(theirs))
    assert ours.table.pictures == theirs.table.pictures
    assert (ours.table.folder, ours.table.notes) == (theirs.table.folder, theirs.table.notes)
    for name in ("xyxy", "pictures", "labels", "ignore", "difficult"):
        column, other = getattr(ours.table.boxes, name), getattr(theirs.table.boxes, name)
        assert column.dtype == other.dtype
        np.testing.assert_array_equal(column, other)
    for index in range(len(ours)):
        assert ours.picture_file(index) == theirs.picture_file(index)
        found, other = ours.annotations(index), theirs.annotations(index)
        np.testing.assert_array_equal(found.boxes_xyxy, other.boxes_xyxy)
        np.testing.assert_array_equal(found.labels, other.labels)
        np.testing.assert_array_equal(found.ignore, other.ignore)


def test_a_prepared_coco_file_is_the_file(make_coco, coco_content, reads):
    coco_content["images"][2]["id"] = "named"
    coco_content["annotations"][2]["image_id"] = "named"
    coco_content["annotations"][3] |= {"iscrowd": 1, "bbox": [50, -5, 30, 40]}
    coco_content["annotations"][4]["difficult"] = True
    first = open_train(make_coco())
    again = open_train(make_coco(pictures=False))
    assert len(reads) == 1
    assert_same(again, first)
    assert isinstance(again.table.boxes.xyxy, np.memmap)


def test_a_prepared_bdd100k_file_is_the_file(tmp_path, bdd_frames, reads):
    path = tmp_path / "frames.json"
    path.write_text(json.dumps(bdd_frames))
    assert_same(open_train(path), open_train(path))
    assert len(reads) == 1
    (tmp_path / "categories.json").write_text(json.dumps([{"id": 5, "name": "car"}]))
    with pytest.raises(DataError, match="categories"):
        open_train(path)


def test_another_content_is_read_anew(make_coco, coco_content, reads):
    before = open_train(make_coco()).data_id
    coco_content["annotations"][0]["bbox"] = [1, 1, 5, 5]
    assert open_train(make_coco(pictures=False)).data_id != before
    assert len(reads) == 2


def test_changed_pictures_change_the_data(make_coco, reads):
    path = make_coco()
    first = open_train(path)
    file = first.picture_file(1)
    file.write_bytes(file.read_bytes() + b"\0")
    second, third = open_train(path), open_train(path)
    assert first.data_id != second.data_id == third.data_id
    assert len(reads) == 2


def test_a_missing_picture_is_told_as_on_the_first_opening(make_coco):
    path = make_coco()
    open_train(path).picture_file(1).unlink()
    with pytest.raises(DataError, match=r"images\[1\]\.file_name: no picture 'picture_1\.jpg'"):
        open_train(path)


def test_what_is_wrong_is_told_every_time_and_not_kept(make_coco, coco_content):
    coco_content["annotations"][0]["bbox"] = [1, 1, 0, 5]
    path = make_coco()
    for _ in range(2):
        with pytest.raises(DataError, match="expected a width and height above 0"):
            open_train(path)
    assert list(cache_folder().iterdir()) == []


def test_the_doctor_reads_the_file_itself(make_coco, reads):
    path = make_coco()
    open_train(path)
    open_source(path, faults=KeptFaults(path))
    assert len(reads) == 2


@pytest.mark.parametrize("file", ["facts.json", "texts.npy", "xyxy.npy", "clipped_xyxy.npy"])
def test_a_damaged_table_is_made_again(make_coco, reads, file):
    path = make_coco()
    first = open_train(path)
    (folder,) = cache_folder().iterdir()
    (folder / file).write_bytes(b"")
    assert_same(open_train(path), first)
    assert len(reads) == 2


def test_a_cache_that_cannot_be_written_is_done_without(make_coco, reads):
    cache_folder().write_text("a file")
    assert len(open_train(make_coco())) == 6
    assert len(reads) == 1


def test_small_files_are_not_kept(make_coco, monkeypatch):
    monkeypatch.setattr(prepared, "LEAST_BYTES", 4 * 2**20)
    open_train(make_coco())
    assert not cache_folder().exists()


def test_the_same_file_with_pictures_elsewhere_is_another_table(make_coco, tmp_path, reads):
    path = make_coco()
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    first = open_source(path, tmp_path / "elsewhere")["train"]
    assert first.table.folder == tmp_path / "elsewhere"
    with pytest.raises(DataError, match="name the folder of the pictures"):
        open_train(path)
    assert coco.load_coco(path, tmp_path / "elsewhere").data_id == first.data_id
