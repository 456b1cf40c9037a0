"""Formats found out by looking, and splits that the data bring themselves."""

import json

import pytest

from smnas.data.formats import open_source, open_split
from smnas.data.sources import DataSpec, load_splits
from smnas.errors import ConfigError, DataError, MissingFileError


@pytest.fixture
def bdd_file(bdd_frames, tmp_path):
    path = tmp_path / "det_train.json"
    path.write_text(json.dumps(bdd_frames))
    return path


class TestFindingOut:
    def test_coco(self, make_coco):
        assert open_source(make_coco())["train"].picture_id(0) == 10

    @pytest.mark.parametrize("form", ["list", "object", "config first", "byte order mark"])
    def test_bdd100k(self, bdd_file, bdd_frames, form):
        content = {
            "list": bdd_frames,
            "object": {"frames": bdd_frames},
            "config first": {"config": None, "frames": bdd_frames},
            "byte order mark": bdd_frames,
        }[form]
        mark = b"\xef\xbb\xbf" if form == "byte order mark" else b""
        bdd_file.write_bytes(mark + b" \n" + json.dumps(content).encode())
        assert open_source(bdd_file)["train"].picture_id(0) == "a.jpg"

    def test_coco_that_speaks_of_frames_is_coco(self, make_coco, coco_content):
        coco_content["videos"] = [{"frames": 3}]
        assert len(open_source(make_coco())["train"]) == 6

    def test_voc(self, voc_folder):
        assert open_source(voc_folder).keys() == {"train", "val"}
        named = open_source(voc_folder / "ImageSets/Main/val.txt")
        assert {name: len(part) for name, part in named.items()} == {"train": 2}

    def test_yolo(self, yolo_folder):
        for source in (yolo_folder, yolo_folder / "data.yaml"):
            assert open_source(source).keys() == {"train", "val"}

    def test_nothing_known(self, tmp_path):
        with pytest.raises(ConfigError, match=r"is a folder; expected a COCO .* YOLO folder"):
            open_source(tmp_path)
        with pytest.raises(MissingFileError, match="no such annotation file"):
            open_source(tmp_path / "gone")
        with pytest.raises(ConfigError, match=r"it is empty$"):
            open_source(tmp_path)
        for name in ("b.txt", "Süd.json", "val.json"):
            (tmp_path / name).touch()
        with pytest.raises(ConfigError, match=r"it holds 'Süd.json', 'val.json': name one of them"):
            open_source(tmp_path)


class TestNamedSplits:
    def test_are_those_of_that_name(self, yolo_folder, voc_folder):
        assert open_split(yolo_folder, "val").name == "yolo/val"
        with pytest.raises(ConfigError, match=r"--test .*VOC2012': it has the splits train, val"):
            open_split(voc_folder, "test")

    def test_are_all_there_is_where_nothing_is_split(self, make_coco):
        assert len(open_split(make_coco(), "test")) == 6


class TestOwnSplits:
    @pytest.mark.parametrize("folder", ["voc_folder", "yolo_folder"])
    def test_are_taken_and_said(self, folder, request):
        source = request.getfixturevalue(folder)
        splits = load_splits(DataSpec(source=str(source)), seed=0)
        pictures = {"voc_folder": (4, 2), "yolo_folder": (3, 1)}[folder]
        told = f"brings its own splits: {pictures[0]} train, {pictures[1]} val pictures."
        assert any(told in note for note in splits.notes)
        assert len(splits.val) == pictures[1]

    def test_give_way_to_those_that_are_named(self, voc_folder):
        spec = DataSpec(
            source=str(voc_folder),
            val=str(voc_folder / "ImageSets/Main/train.txt"),
            test=str(voc_folder / "ImageSets/Main/val.txt"),
        )
        splits = load_splits(spec, seed=0)
        assert [len(part) for part in (splits.train, splits.val, splits.test)] == [4, 4, 2]
        assert any("4 pictures of the val split are also trained on" in n for n in splits.notes)

    def test_what_bdd100k_renames_is_said(self, bdd_file):
        spec = DataSpec(source=str(bdd_file), val=str(bdd_file), test=str(bdd_file))
        notes = load_splits(spec, seed=0).notes
        assert sum("As BDD100K's own tools do it" in note for note in notes) == 1

    def test_formats_may_be_mixed_where_the_categories_agree(
        self, voc_folder, make_coco, coco_content
    ):
        coco_content["categories"] = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
        for item in coco_content["annotations"]:
            item["category_id"] = 2
        coco = make_coco()
        splits = load_splits(DataSpec(source=str(coco), val=str(voc_folder)), seed=0)
        assert splits.val.categories == splits.train.categories
        # The classes of the training pictures decide about names that have no ids.
        coco_content["categories"][0]["id"] = 17
        coco = make_coco()
        splits = load_splits(DataSpec(source=str(coco), val=str(voc_folder)), seed=0)
        assert splits.val.categories == splits.train.categories
        with pytest.raises(DataError, match="expected those of"):
            load_splits(DataSpec(source=str(voc_folder), val=str(coco)), seed=0)
