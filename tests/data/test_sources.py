"""Sources and splits: what is made where the user brings none, and what is said about it."""

import json

import pytest
from PIL import Image
from pydantic import ValidationError

from smnas.data.sources import DataSpec, load_splits
from smnas.errors import ConfigError, DataError, MissingFileError


def many(content, pictures):
    """Return the content with that many pictures, each with one box."""
    image, item = content["images"][0], content["annotations"][0]
    ids = range(1, pictures + 1)
    return {
        "images": [{**image, "id": i, "file_name": f"{i}.png"} for i in ids],
        "annotations": [
            {**item, "id": i, "image_id": i, "category_id": (3, 7)[i % 2]} for i in ids
        ],
        "categories": content["categories"],
    }


def ids_of(dataset):
    return {dataset.picture_id(index) for index in range(len(dataset))}


def test_trees_bring_their_own_splits():
    splits = load_splits(DataSpec(source="trees"), seed=0)
    assert [len(splits.train), len(splits.val), len(splits.test)] == [397, 50, 42]
    assert "another photograph" in splits.notes[0]
    with pytest.raises(ConfigError, match="leave out images, val and test"):
        load_splits(DataSpec(source="trees", val="my.json"), seed=0)


def test_scenes_bring_their_own_splits_whatever_the_seed():
    spec = DataSpec(source="scenes:easy,train=30,val=20")
    splits = load_splits(spec, seed=0)
    assert [len(splits.train), len(splits.val), len(splits.test)] == [30, 20, 400]
    assert load_splits(spec, seed=1).val.data_id == splits.val.data_id
    with pytest.raises(ConfigError, match="leave out images, val and test"):
        load_splits(DataSpec(source="scenes:easy", images="my"), seed=0)


class TestSplitting:
    def test_is_by_picture_and_leaves_none_out(self, make_coco, coco_content):
        path = str(make_coco(many(coco_content, 40)))
        splits = load_splits(DataSpec(source=path), seed=0)
        parts = [ids_of(part) for part in (splits.train, splits.val, splits.test)]
        assert [len(part) for part in parts] == [28, 6, 6]
        assert set.union(*parts) == set(range(1, 41))
        assert "No val or test split was given: the 40 pictures of my.json" in splits.notes[0]
        assert "28 train, 6 val, 6 test" in splits.notes[0]
        assert any(
            "The val split has only 6 pictures with 6 boxes" in note for note in splits.notes
        )

    def test_is_the_same_for_the_same_seed_only(self, make_coco, coco_content):
        spec = DataSpec(source=str(make_coco(many(coco_content, 40))))
        first = load_splits(spec, seed=0)
        assert load_splits(spec, seed=0).val.data_id == first.val.data_id
        assert ids_of(load_splits(spec, seed=1).val) != ids_of(first.val)

    def test_gives_every_part_a_picture_with_objects(self, make_coco, coco_content):
        content = many(coco_content, 30)
        content["annotations"] = content["annotations"][:3]
        splits = load_splits(DataSpec(source=str(make_coco(content))), seed=0)
        for part in (splits.train, splits.val, splits.test):
            assert any(len(part.annotations(index)) for index in range(len(part)))

    def test_two_pictures_leave_none_for_the_test(self, make_coco, coco_content):
        splits = load_splits(DataSpec(source=str(make_coco(many(coco_content, 2)))), seed=0)
        assert (len(splits.train), len(splits.val), splits.test) == (1, 1, None)
        assert any("There is no test split: 2 pictures" in note for note in splits.notes)

    def test_one_picture_cannot_be_split(self, make_coco, coco_content):
        spec = DataSpec(source=str(make_coco(many(coco_content, 1))))
        with pytest.raises(DataError, match=r"1 picture with objects cannot be split .*--val"):
            load_splits(spec, seed=0)

    def test_a_class_that_a_part_does_not_show_is_named(self, make_coco, coco_content):
        content = many(coco_content, 40)
        content["categories"].append({"id": 9, "name": "bird"})
        notes = load_splits(DataSpec(source=str(make_coco(content))), seed=0).notes
        assert "The train split shows no object of: bird." in notes


class TestGivenSplits:
    def test_are_used_as_they_are(self, make_coco, coco_content, tmp_path):
        paths = {
            name: str(make_coco(many(coco_content, count), name=f"{name}/my.json"))
            for name, count in (("train", 1), ("val", 2), ("test", 3))
        }
        spec = DataSpec(source=paths["train"], val=paths["val"], test=paths["test"])
        splits = load_splits(spec, seed=0)
        assert [len(splits.train), len(splits.val), len(splits.test)] == [1, 2, 3]
        assert not any("split by picture" in note for note in splits.notes)

    def test_one_picture_can_be_used_with_a_given_val(self, make_coco, coco_content):
        train = make_coco(many(coco_content, 1), name="a/my.json")
        val = make_coco(many(coco_content, 2), name="b/my.json")
        splits = load_splits(DataSpec(source=str(train), val=str(val)), seed=0)
        assert (len(splits.train), len(splits.val), splits.test) == (1, 2, None)

    def test_what_is_not_given_is_taken_from_the_source(self, make_coco, coco_content):
        source = make_coco(many(coco_content, 20), name="a/my.json")
        test = make_coco(many(coco_content, 4), name="b/my.json")
        splits = load_splits(DataSpec(source=str(source), test=str(test)), seed=0)
        assert [len(splits.train), len(splits.val), len(splits.test)] == [17, 3, 4]
        assert "No val split was given" in splits.notes[0]

    def test_their_pictures_may_lie_in_the_named_folder(self, make_coco, coco_content, tmp_path):
        source = make_coco(many(coco_content, 3), name="a/my.json")
        val = make_coco(many(coco_content, 3), name="b/my.json", pictures=False)
        images = str(tmp_path / "a" / "images")
        splits = load_splits(DataSpec(source=str(source), images=images, val=str(val)), seed=0)
        assert splits.val.read(0)[0].shape == (48, 64, 3)

    def test_must_agree_on_the_categories(self, make_coco, coco_content):
        source = make_coco(many(coco_content, 3), name="a/my.json")
        other = json.loads(json.dumps(many(coco_content, 3)))
        other["categories"][0]["name"] = "lion"
        val = make_coco(other, name="b/my.json")
        with pytest.raises(DataError, match="only there: 7 'cat'; only here: 7 'lion'") as caught:
            load_splits(DataSpec(source=str(source), val=str(val)), seed=0)
        assert str(val) in str(caught.value)

    def test_in_another_order_of_categories_agree(self, make_coco, coco_content):
        source = make_coco(many(coco_content, 3), name="a/my.json")
        other = many(coco_content, 3)
        other["categories"] = other["categories"][::-1]
        val = make_coco(other, name="b/my.json")
        splits = load_splits(DataSpec(source=str(source), val=str(val)), seed=0)
        assert splits.train.categories == splits.val.categories

    def test_with_pictures_that_are_trained_on_are_told_apart(self, make_coco, coco_content):
        path = str(make_coco(many(coco_content, 3)))
        splits = load_splits(DataSpec(source=path, val=path), seed=0)
        assert any("3 pictures of the val split are also trained on" in n for n in splits.notes)


class TestUnknownSources:
    def test_a_name_is_answered_with_the_nearest(self):
        with pytest.raises(ConfigError, match=r"data 'tree': expected .*did you mean 'trees'"):
            load_splits(DataSpec(source="tree"), seed=0)

    def test_a_name_of_scenes_too(self):
        with pytest.raises(ConfigError, match="did you mean 'scenes:easy'"):
            load_splits(DataSpec(source="scene:easy"), seed=0)

    @pytest.mark.parametrize("source", ["gone.json", "my/annotations"])
    def test_a_path_is_a_missing_file(self, source):
        with pytest.raises(MissingFileError, match="no such annotation file"):
            load_splits(DataSpec(source=source), seed=0)

    def test_a_folder_is_told_from_a_file(self, tmp_path):
        with pytest.raises(ConfigError, match="is a folder; expected a COCO JSON file, a BDD"):
            load_splits(DataSpec(source=str(tmp_path)), seed=0)

    def test_a_picture_is_no_annotation_file(self, tmp_path):
        Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
        with pytest.raises(DataError, match="expected COCO JSON"):
            load_splits(DataSpec(source=str(tmp_path / "a.png")), seed=0)

    def test_unknown_fields_are_refused(self):
        with pytest.raises(ValidationError):
            DataSpec(source="trees", pictures="my")
