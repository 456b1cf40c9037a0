"""Pictures that a split keeps on one side."""

import json

import numpy as np
import pytest
from PIL import Image

from smnas.data import kept_together
from smnas.data.coco import load_coco
from smnas.data.kept_together import find_groups
from smnas.data.sources import DataSpec, load_splits
from smnas.errors import ConfigError, DataError


@pytest.fixture
def films(tmp_path):
    """Twelve films of four frames; frames of one film look alike, unless they are noise."""

    def make(alike):
        rng = np.random.default_rng(0)
        images, annotations = [], []
        for film in range(12):
            scene = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            for frame in range(4):
                if not alike:
                    scene = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
                name = f"film{film:02d}_{frame}.jpg"
                shown = Image.fromarray(scene).resize((80, 60), Image.Resampling.BICUBIC)
                shown.resize((64 + frame, 48), Image.Resampling.BICUBIC).save(tmp_path / name)
                number = 4 * film + frame
                images.append({"id": number, "file_name": name, "width": 64 + frame, "height": 48})
                images[-1]["film"] = {"name": film}
                annotations.append({"image_id": number, "category_id": 1, "bbox": [1, 2, 30, 20]})
        path = tmp_path / "films.json"
        content = {"images": images, "annotations": annotations}
        path.write_text(json.dumps(content | {"categories": [{"id": 1, "name": "thing"}]}))
        return path

    return make


def films_of(part):
    return {part.picture_id(index) // 4 for index in range(len(part))}


def parts_of(splits):
    return [splits.train, splits.val, splits.test]


class TestSplits:
    def test_keep_pictures_that_look_alike_together(self, films):
        splits = load_splits(DataSpec(source=str(films(alike=True))), seed=0)
        shown = [films_of(part) for part in parts_of(splits)]
        assert sum(map(len, shown)) == 12
        assert [len(part) for part in parts_of(splits)] == [40, 4, 4]  # 7 pictures hold one film
        assert any(
            "48 pictures look like another one; each of the 12 groups" in n for n in splits.notes
        )

    @pytest.mark.parametrize("group_by", ["film", r"(film\d+)_"])
    def test_keep_together_what_the_user_names(self, films, group_by):
        path = str(films(alike=False))
        splits = load_splits(DataSpec(source=path, group_by=group_by), seed=0)
        assert sum(len(films_of(part)) for part in parts_of(splits)) == 12
        assert "split by group" in splits.notes[0]
        assert any("12 groups" in note for note in splits.notes)
        apart = load_splits(DataSpec(source=path), seed=0)
        assert sum(len(films_of(part)) for part in parts_of(apart)) > 12

    def test_are_the_same_for_the_same_seed_only(self, films):
        spec = DataSpec(source=str(films(alike=True)))
        first = load_splits(spec, seed=0)
        assert load_splits(spec, seed=0).val.data_id == first.val.data_id
        assert films_of(load_splits(spec, seed=1).val) != films_of(first.val)

    def test_of_one_film_are_made_all_the_same_and_said_to_flatter(self, films):
        path = films(alike=True)
        content = json.loads(path.read_text())
        content["images"], content["annotations"] = (
            content["images"][:4],
            content["annotations"][:4],
        )
        path.write_text(json.dumps(content))
        splits = load_splits(DataSpec(source=str(path)), seed=0)
        assert [len(part) for part in parts_of(splits)] == [2, 1, 1]
        assert any("numbers flatter" in note for note in splits.notes)
        with pytest.raises(DataError, match="1 group with objects cannot be split"):
            load_splits(DataSpec(source=str(path), group_by="film"), seed=0)

    def test_given_by_the_user_need_no_look_at_pictures(self, films, monkeypatch):
        path = str(films(alike=True))
        monkeypatch.setattr(kept_together, "read_look", None)  # would fail if it were called
        assert len(load_splits(DataSpec(source=path, val=path, test=path), seed=0).train) == 48


class TestGroups:
    def test_without_a_value_are_alone(self, films):
        dataset = load_coco(films(alike=False))
        groups = find_groups(dataset, r"film0([0-3])_")
        assert len(np.unique(groups.first)) == 4 + 8 * 4
        assert "32 pictures without a value" in groups.notes[0]

    def test_of_many_pictures_are_not_looked_for(self, films, monkeypatch):
        monkeypatch.setattr(kept_together, "MOST_READ_BYTES", 47)
        groups = find_groups(load_coco(films(alike=True)), None)
        assert len(np.unique(groups.first)) == 48
        assert "not looked at" in groups.notes[0]

    def test_a_picture_that_cannot_be_read_is_alone(self, films):
        path = films(alike=True)
        (path.parent / "film00_1.jpg").write_text("broken")
        assert len(np.unique(find_groups(load_coco(path), None).first)) == 13

    @pytest.mark.parametrize(
        ("group_by", "told"),
        [
            ("flim", "did you mean 'film'"),
            ("(", "not a pattern"),
            ("(?:a)", "in parentheses"),
            (r"(\d+)x", "fits no file name, such as 'film00_0.jpg'"),
        ],
    )
    def test_that_nothing_has_are_a_wrong_call(self, films, group_by, told):
        with pytest.raises(ConfigError, match="group by") as caught:
            find_groups(load_coco(films(alike=False)), group_by)
        assert told in str(caught.value)
