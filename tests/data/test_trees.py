"""The embedded photographs: their splits are those that the documents speak of."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smnas.data.trees import load as trees_module
from smnas.data.trees import load_trees
from smnas.data.voc import read_voc_xml

TOOL = Path(__file__).parents[2] / "tools" / "make_trees.py"


@pytest.fixture(scope="module")
def trees():
    return load_trees()


@pytest.mark.parametrize(
    ("split", "tiles", "boxes"),
    [("train", 397, 1503), ("val", 50, 171), ("test", 42, 253), ("out_of_domain", 8, 64)],
)
def test_splits_have_their_sizes(trees, split, tiles, boxes):
    dataset = getattr(trees, split)
    assert len(dataset) == tiles
    found = [dataset.annotations(index) for index in range(len(dataset))]
    assert sum(int(item.objects.sum()) for item in found) == boxes
    assert all((item.boxes_xyxy[:, 2:] > item.boxes_xyxy[:, :2]).all() for item in found)
    assert [(item.id, item.name) for item in dataset.categories] == [(1, "tree")]


def test_all_951_boxes_are_there():
    files = Path(trees_module.__file__).parent.glob("*.xml")
    assert sorted(len(read_voc_xml(file).objects) for file in files) == [37, 61, 279, 574]


def test_no_tree_is_in_two_splits(trees):
    rows = {
        split: {int(dataset.picture_id(index).rsplit("-", 1)[1]) for index in range(len(dataset))}
        for split, dataset in (("train", trees.train), ("val", trees.val))
    }
    # Rows count from the top of each split's part of the scene; the parts are 72 rows apart.
    assert max(rows["train"]) + 160 <= 1760
    assert max(rows["val"]) + 160 <= 2472 - 1832
    assert trees_module._VAL_ROWS[0] - trees_module._TRAIN_ROWS[1] == 72


def test_train_and_val_show_their_own_rows(trees):
    path = Path(trees_module.__file__).parent / f"{trees_module._SCENE}.jpg"
    with Image.open(path) as image:
        scene = np.asarray(image)
    for dataset, top in ((trees.train, 0), (trees.val, 1832)):
        picture, _ = dataset.read(3)
        left, row = map(int, dataset.picture_id(3).rsplit("-", 2)[1:])
        np.testing.assert_array_equal(
            picture, scene[top + row : top + row + 160, left : left + 160]
        )


def test_a_photograph_is_decoded_once(trees, monkeypatch):
    trees.train.read(0)
    monkeypatch.setattr(trees_module, "read_picture", lambda path: pytest.fail("decoded again"))
    load_trees().val.read(0)


def test_each_split_has_an_id_of_its_own(trees):
    splits = (trees.train, trees.val, trees.test, trees.out_of_domain)
    assert len({dataset.data_id for dataset in splits}) == 4
    assert load_trees().val.data_id == trees.val.data_id


def test_the_notice_names_every_photograph_and_its_licence():
    folder = Path(trees_module.__file__).parent
    notice = (folder / "NOTICE.md").read_text()
    for picture in folder.glob("*.jpg"):
        assert picture.stem in notice
    assert "MIT License" in notice


def test_the_tool_makes_the_folder_from_an_unpacked_wheel(tmp_path):
    spec = importlib.util.spec_from_file_location("make_trees", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    source = tmp_path / "data"
    source.mkdir()
    for name in tool.NAMES:
        Image.new("RGB", (8, 8)).save(source / f"{name}.png")
        (source / f"{name}.xml").write_text("<annotation/>")
    tool.make_trees(source, tmp_path / "trees")
    made = sorted(file.name for file in (tmp_path / "trees").iterdir())
    folder = Path(trees_module.__file__).parent
    shipped = [file.name for file in folder.iterdir() if file.suffix in (".jpg", ".xml")]
    assert made == sorted(shipped)
