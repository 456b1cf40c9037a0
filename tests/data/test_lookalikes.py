"""Which pictures look alike: copies are found, others are not, and many are no harder than few."""

import time

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from smnas.data.lookalikes import group_lookalikes, join_groups, look_of, read_look
from smnas.data.trees import load_trees
from smnas.errors import DataError

COPIES = {
    "half": lambda image: image.resize((80, 80)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "dull": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "grey": lambda image: image.convert("L"),
    "cut": lambda image: image.crop((1, 1, 159, 159)),
}


@pytest.fixture(scope="module")
def photographs():
    """Real ones that do not overlap each other."""
    val, test = load_trees().val, load_trees().test
    tiles = [val.read(index)[0] for index in range(0, len(val), 4)]
    tiles += [test.read(index)[0] for index in range(0, len(test), 4)]
    return [Image.fromarray(tile) for tile in tiles]


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_copies_are_found_and_others_are_not(photographs, copy):
    looks = np.stack([look_of(image) for image in (*photographs, *map(copy, photographs))])
    first = group_lookalikes(looks)
    count = len(photographs)
    assert (first[:count] == np.arange(count)).all()
    assert (first[count:] == np.arange(count)).mean() > 0.85


def test_a_file_looks_as_it_is_shown_whatever_its_encoding(photographs, tmp_path):
    files = [tmp_path / name for name in ("plain.png", "coded.jpg", "turned.jpg")]
    image = photographs[0].resize((640, 480))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    image.save(files[0])
    image.save(files[1], quality=60)
    image.transpose(Image.Transpose.ROTATE_90).save(files[2], exif=exif)
    assert group_lookalikes(np.stack(list(map(read_look, files)))).tolist() == [0, 0, 0]


def test_a_picture_of_16_bits_looks_like_itself_of_8(photographs):
    grey = np.asarray(photographs[0].convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) << 8)
    assert (look_of(deep) == look_of(Image.fromarray(grey))).all()


@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_truncated_file_is_noticed(photographs, tmp_path, kept):
    path = tmp_path / "cut.jpg"
    photographs[0].save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(DataError, match=r"cut\.jpg: the picture cannot be read: .*truncated"):
        read_look(path)


def test_pictures_of_one_colour_are_like_no_other():
    looks = np.stack([np.full((9, 9), value, np.uint8) for value in (0, 0, 128, 255)])
    assert group_lookalikes(looks).tolist() == [0, 1, 2, 3]


def test_a_film_is_one_group_by_its_chain():
    coarse = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    strip = Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)
    frames = [strip.crop((shift, 0, shift + 480, 480)) for shift in range(0, 160, 4)]
    looks = np.stack([look_of(frame) for frame in frames])
    assert set(group_lookalikes(looks)) == {0}
    assert group_lookalikes(looks[[0, -1]]).tolist() == [0, 1]  # the ends alone are not alike


@pytest.mark.parametrize("count", [0, 1])
def test_few_pictures_are_their_own_groups(count):
    assert group_lookalikes(np.zeros((count, 9, 9), np.uint8)).tolist() == list(range(count))


def test_ten_thousand_crowded_hashes_take_no_square_of_time():
    rng = np.random.default_rng(0)
    sky = np.linspace(220, 40, 9)[None, :, None] + rng.normal(0, 12, (10_000, 9, 9))
    started = time.perf_counter()
    first = group_lookalikes(sky.clip(0, 255).astype(np.uint8))
    assert time.perf_counter() - started < 10  # 0.5 s measured; all pairs: minutes
    assert len(set(first.tolist())) > 9_900


def test_joining_keeps_the_first_of_each_group():
    first = np.arange(6)
    joined = join_groups(first, np.array([5, 3, 4]), np.array([3, 1, 2]))
    assert joined.tolist() == [0, 1, 2, 1, 2, 1]
    assert first.tolist() == list(range(6))
