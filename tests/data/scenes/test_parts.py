"""The embedded parts: enough of them, none in two splits, all of them usable and credited."""

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smnas.data.scenes import parts as parts_module
from smnas.data.scenes.cutout import DIGIT_GREY, OPAQUE, PRODUCT_GREY, Pose, turn_cutout
from smnas.data.scenes.parts import CATEGORIES, load_parts

FOLDER = Path(parts_module.__file__).parent
TOOL = Path(__file__).parents[3] / "tools" / "make_scenes.py"
SPLITS = ("train", "val", "test")


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("make_scenes", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("split", "cutouts", "digits", "photographs"),
    [("train", 480, 200, 5), ("val", 120, 100, 3), ("test", 120, 100, 3)],
)
def test_a_split_has_its_parts(split, cutouts, digits, photographs):
    parts = load_parts(split)
    assert [tiles.shape for tiles in parts.cutouts] == [(cutouts, 28, 28)] * len(CATEGORIES)
    assert parts.digits.shape == (digits, 12, 12)
    assert len(parts.photographs) == photographs
    assert all(min(photograph.shape[:2]) >= 300 for photograph in parts.photographs)


@pytest.mark.parametrize("kind", ["cutouts", "digits", "photographs"])
def test_no_part_is_in_two_splits_or_twice_in_one(kind):
    found = []
    for split in SPLITS:
        items = getattr(load_parts(split), kind)
        tiles = [tile for sheet in items for tile in sheet] if kind == "cutouts" else items
        found += [tile.tobytes() for tile in tiles]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("split", SPLITS)
def test_every_cutout_shows_something_at_the_smallest_size(split):
    parts = load_parts(split)
    sheets = [(tiles, PRODUCT_GREY) for tiles in parts.cutouts] + [(parts.digits, DIGIT_GREY)]
    for tiles, ground in sheets:
        for tile in tiles:
            alpha, _ = turn_cutout(tile, ground, Pose(1.0, 0.0, 12.0))
            assert np.count_nonzero(alpha >= OPAQUE) >= 10


def test_each_split_has_an_id_of_its_own_that_changes_with_the_files(tmp_path, monkeypatch):
    ids = {split: load_parts(split).content_id for split in SPLITS}
    assert len(set(ids.values())) == 3
    (tmp_path / "val").mkdir()
    for file in (FOLDER / "val").iterdir():
        (tmp_path / "val" / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(parts_module, "_FOLDER", tmp_path)
    assert load_parts.__wrapped__("val").content_id == ids["val"]
    Image.new("RGB", (400, 400)).save(tmp_path / "val" / "brick.jpg")
    assert load_parts.__wrapped__("val").content_id != ids["val"]


def test_all_parts_are_small_enough_to_ship():
    files = [file for split in SPLITS for file in (FOLDER / split).iterdir()]
    assert sum(file.stat().st_size for file in files) < 2 * 2**20


def test_the_notice_names_every_photograph_and_the_licences():
    notice = (FOLDER / "NOTICE.md").read_text()
    for picture in FOLDER.glob("*/*.jpg"):
        assert str(picture.relative_to(FOLDER)) in notice
    for sheet in FOLDER.glob("*/*.png"):
        assert f"`{sheet.name}`" in notice
    for licence in ("The MIT License", "Zalando SE", "Creative Commons Attribution 4.0", "CC0"):
        assert licence in notice


class TestTool:
    """``tools/make_scenes.py``, on sources made here in the formats of the real ones."""

    def test_makes_all_folders(self, tool, tmp_path, monkeypatch):
        monkeypatch.setattr(tool, "CUTOUTS", {"train": 120, "val": 60, "test": 60})
        monkeypatch.setattr(tool, "DIGITS", dict.fromkeys(SPLITS, 10))
        monkeypatch.setattr(tool, "SHEET_COLUMNS", 10)
        rng = np.random.default_rng(0)
        for file, count in (("train", 1400), ("t10k", 1400)):
            tiles = np.zeros((count, 28, 28), dtype=np.uint8)
            tiles[:, 5:20, 5:20] = rng.integers(20, 255, (count, 15, 15))
            labels = (np.arange(count) % 10).astype(np.uint8)
            for kind, content, header in (("images-idx3", tiles, 16), ("labels-idx1", labels, 8)):
                path = tmp_path / f"{file}-{kind}-ubyte.gz"
                path.write_bytes(gzip.compress(bytes(header) + content.tobytes()))
        rows = np.column_stack([rng.integers(0, 17, (40, 64)), np.arange(40) % 10])
        with gzip.open(tmp_path / "digits.csv.gz", "wt") as file:
            np.savetxt(file, rows, fmt="%d", delimiter=",")
        for split in SPLITS:
            for name in tool.PHOTOGRAPHS[split]:
                Image.new("RGB", (640, 500)).save(tmp_path / f"{name}.png")
        target = tmp_path / "scenes"
        tool.make_scenes(tmp_path, tmp_path / "digits.csv.gz", tmp_path, target)
        made = sorted(str(path.relative_to(target)) for path in target.glob("*/*"))
        shipped = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/*.??g"))
        assert made == shipped
        monkeypatch.setattr(parts_module, "_FOLDER", target)
        parts = load_parts.__wrapped__("train")
        assert [len(tiles) for tiles in parts.cutouts] == [120] * 5
        assert parts.photographs[0].shape == (400, 512, 3)
        digit = np.rint(rows[0, :64] * 255 / 16).astype(np.uint8).reshape(8, 8)
        np.testing.assert_array_equal(parts.digits[0], np.pad(digit, 2))

    def test_leaves_out_products_in_several_pieces(self, tool):
        whole = np.zeros((28, 28), dtype=np.uint8)
        whole[4:20, 4:20] = 100
        diagonal = whole.copy()
        diagonal[20, 20] = 100
        speck = whole.copy()
        speck[26, 26] = 13
        dark_speck = whole.copy()
        dark_speck[26, 26] = 12
        tiles = np.stack([whole, diagonal, speck, dark_speck])
        found = list(tool.whole_products(tiles))
        assert len(found) == 3
        assert not any((tile == speck).all() for tile in found)

    def test_merges_as_the_package_does(self, tool):
        assert tuple(tool.CLASSES) == tuple(item.name for item in CATEGORIES)
        assert tool.PRODUCT_GREY == PRODUCT_GREY
