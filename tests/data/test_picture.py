"""Reading pictures of every kind, and fitting them: the one way from a file to the network."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms.v2 import functional as oracle

from smnas.arch.parts import InputSize
from smnas.data.picture import (
    MEAN_RGB,
    STD_RGB,
    fit_boxes,
    fit_picture,
    read_picture,
    unfit_boxes,
)
from smnas.errors import DataError, MissingFileError

RGB = np.array([[[200, 30, 90], [10, 220, 40]]], dtype=np.uint8)


def save(array_or_image, path, **options):
    image = (
        array_or_image
        if isinstance(array_or_image, Image.Image)
        else Image.fromarray(array_or_image)
    )
    image.save(path, **options)
    return path


class TestReading:
    def test_rgb_is_read_as_it_is_and_belongs_to_the_caller(self, tmp_path):
        picture = read_picture(save(RGB, tmp_path / "a.png"))
        np.testing.assert_array_equal(picture, RGB)
        assert picture.dtype == np.uint8
        assert picture.flags.writeable

    def test_transparent_pixels_lie_over_white(self, tmp_path):
        rgba = np.dstack([RGB, np.array([[0, 255]], dtype=np.uint8)])
        picture = read_picture(save(rgba, tmp_path / "a.png"))
        np.testing.assert_array_equal(picture, [[[255, 255, 255], [10, 220, 40]]])

    def test_a_transparent_palette_entry_lies_over_white(self, tmp_path):
        image = Image.new("P", (2, 1))
        image.putpalette([200, 0, 0, 0, 0, 200])
        image.putdata([0, 1])
        picture = read_picture(save(image, tmp_path / "a.png", transparency=0))
        np.testing.assert_array_equal(picture, [[[255, 255, 255], [0, 0, 200]]])

    @pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "CMYK"])
    def test_other_modes_become_rgb(self, tmp_path, mode):
        white = Image.new("RGB", (5, 4), "white").convert(mode)
        suffix = "jpg" if mode == "CMYK" else "png"
        picture = read_picture(save(white, tmp_path / f"a.{suffix}"))
        assert picture.shape == (4, 5, 3)
        assert picture.min() >= 254

    @pytest.mark.parametrize("kind", ["png", "tif"])
    def test_of_16_bit_grey_the_upper_byte_is_kept(self, tmp_path, kind):
        grey = np.array([[0, 255, 256, 0xABCD, 0xFFFF]], dtype=np.uint16)
        picture = read_picture(save(grey, tmp_path / f"a.{kind}"))
        np.testing.assert_array_equal(picture[0, :, 1], [0, 0, 1, 0xAB, 0xFF])

    def test_exif_orientation_is_honoured(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees
        path = save(Image.new("RGB", (30, 20)), tmp_path / "a.jpg", exif=exif)
        assert read_picture(path).shape == (30, 20, 3)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(MissingFileError, match=r"gone\.jpg: no such picture file"):
            read_picture(tmp_path / "gone.jpg")

    def test_what_is_not_a_picture_is_named(self, tmp_path):
        path = tmp_path / "a.jpg"
        path.write_text("hello")
        with pytest.raises(DataError, match=r"a\.jpg: not a picture"):
            read_picture(path)

    @pytest.mark.parametrize("kind", ["jpg", "png", "tif", "bmp", "gif", "webp"])
    @pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
    def test_a_truncated_picture_is_named(self, tmp_path, kind, share):
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        path = save(noise, tmp_path / f"a.{kind}")
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        with pytest.raises(DataError, match=rf"a\.{kind}: "):
            read_picture(path)

    @pytest.mark.parametrize("values", [-1.0, 70000.0])
    def test_values_without_a_known_range_are_refused(self, tmp_path, values):
        path = save(np.full((2, 2), values, dtype=np.int32), tmp_path / "a.tif")
        with pytest.raises(DataError, match=r"a\.tif: expected grey values of 0 to 65535"):
            read_picture(path)
        path = save(np.full((2, 2), values, dtype=np.float32), tmp_path / "b.tif")
        with pytest.raises(DataError, match=r"b\.tif: floating-point values"):
            read_picture(path)


class TestFitting:
    @pytest.mark.parametrize(
        ("width", "height", "inside"),
        [(80, 60, (600, 800)), (1600, 600, (300, 800)), (60, 80, (600, 450)), (1, 900, (600, 1))],
    )
    def test_is_scaled_by_one_factor_placed_top_left_and_padded(self, width, height, inside):
        picture = np.full((height, width, 3), 255, dtype=np.uint8)
        fitted = fit_picture(picture, InputSize(width=800, height=600))
        assert fitted.image_3HW.shape == (3, 608, 800)
        filled = fitted.image_3HW[0] != 0
        assert filled[: inside[0], : inside[1]].all()
        assert int(filled.sum()) == inside[0] * inside[1]
        assert fitted.scale == min(800 / width, 600 / height)

    def test_agrees_with_torchvision(self):
        picture = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
        fitted = fit_picture(picture, InputSize(width=64, height=64))
        tensor = torch.from_numpy(picture).permute(2, 0, 1).float()
        resized = oracle.resize(tensor, [48, 64], antialias=True) / 255
        expected = oracle.normalize(resized, list(MEAN_RGB), list(STD_RGB))
        # The integer kernel rounds to whole levels: half a level, and a little for its weights.
        torch.testing.assert_close(
            fitted.image_3HW[:, :48], expected, atol=1.0 / 255 / 0.224, rtol=0.0
        )

    def test_arrays_that_torch_dislikes_are_taken(self):
        picture = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
        size = InputSize(width=32, height=32)
        mirrored = picture[:, ::-1]
        frozen = mirrored.copy()
        frozen.flags.writeable = False
        expected = fit_picture(torch.from_numpy(mirrored.copy()), size).image_3HW
        assert torch.equal(fit_picture(mirrored, size).image_3HW, expected)
        assert torch.equal(fit_picture(frozen, size).image_3HW, expected)

    @pytest.mark.parametrize(
        "wrong",
        [
            np.zeros((4, 4), np.uint8),
            np.zeros((3, 4, 4), np.uint8),
            np.zeros((0, 4, 3), np.uint8),
            np.zeros((4, 4, 3), np.float32),
            torch.zeros(4, 4, 3),
        ],
    )
    def test_what_is_not_a_picture_is_refused(self, wrong):
        with pytest.raises(DataError, match="a picture is a uint8 array of height x width x 3"):
            fit_picture(wrong, InputSize(width=32, height=32))


class TestBoxes:
    @settings(deadline=None, max_examples=50)
    @given(
        width=st.integers(1, 4000),
        height=st.integers(1, 4000),
        size=st.tuples(st.integers(32, 1400), st.integers(32, 1400)),
        corners=st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4),
    )
    def test_come_back_from_the_network_where_they_were(self, width, height, size, corners):
        (x1, x2), (y1, y2) = sorted(corners[:2]), sorted(corners[2:])
        boxes = np.array([[x1 * width, y1 * height, x2 * width, y2 * height]], dtype=np.float32)
        scale = min(size[0] / width, size[1] / height)
        there = fit_boxes(boxes, scale, width, height)
        assert there[0, 2] <= size[0] + 0.01
        assert there[0, 3] <= max(1.0, size[1]) + 0.01
        back = unfit_boxes(there, scale, width, height)
        assert back.dtype == np.float32
        np.testing.assert_allclose(back, boxes, atol=1e-3 * max(width, height))

    def test_follow_the_pixels_where_the_scaled_side_is_rounded(self):
        # 33 * 64 / 100 = 21.12 becomes 21 rows: the last row of boxes ends where the picture does.
        boxes = np.array([[0, 0, 100, 33]], dtype=np.float32)
        np.testing.assert_allclose(fit_boxes(boxes, 0.64, 100, 33), [[0, 0, 64, 21]])

    def test_are_clipped_to_the_picture(self):
        boxes = np.array([[-5, -5, 70, 9]], dtype=np.float32)
        np.testing.assert_allclose(unfit_boxes(boxes, 0.5, 100, 50), [[0, 0, 100, 18]])

    def test_none_stay_none(self):
        none = np.zeros((0, 4), dtype=np.float32)
        assert fit_boxes(none, 0.5, 100, 50).shape == (0, 4)
        assert unfit_boxes(none, 0.5, 100, 50).shape == (0, 4)
