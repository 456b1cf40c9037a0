"""Augmentation: boxes stay on what they mark, whatever is done to the picture."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torchvision.ops import box_iou

from smnas.arch.parts import InputSize
from smnas.data.annotations import Annotations
from smnas.data.picture import STD_RGB, fit_picture
from smnas.data.transforms import Augmentation, Look, mirror_boxes, render_view
from smnas.data.window import View, look_through, random_window

SIZE = InputSize(width=96, height=64)


def picture_with_block(box, width=120, height=90):
    """A black picture with one white block."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    x1, y1, x2, y2 = box
    picture[y1:y2, x1:x2] = 255
    return picture


def render(view, look, size=SIZE):
    image_3HW = torch.zeros(3, *size.padded)
    return image_3HW, render_view(view, size, look, image_3HW)


def whole(picture, annotations):
    height, width = picture.shape[:2]
    return View(picture, annotations, width, height)


def test_a_view_that_is_not_changed_lies_where_fit_picture_lays_it():
    picture = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    image_3HW, found = render(whole(picture, Annotations.of([[12, 9, 60, 45]])), Look())
    assert torch.equal(image_3HW == 0, fit_picture(picture, SIZE).image_3HW == 0)
    # Scale 64 / 90; 120 columns become 85.
    expected = np.array([[12 * 85 / 120, 6.4, 60 * 85 / 120, 32]])
    np.testing.assert_allclose(found.boxes_xyxy, expected, rtol=1e-5)


@pytest.mark.parametrize(("width", "height"), [(96, 64), (96, 40), (51, 64)])
def test_what_need_not_be_resized_is_exactly_what_fit_picture_makes(width, height):
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image_3HW, found = render(whole(picture, Annotations.of([[3, 4, 40, 33]])), Look())
    assert torch.equal(image_3HW, fit_picture(picture, SIZE).image_3HW)
    np.testing.assert_array_equal(found.boxes_xyxy, [[3, 4, 40, 33]])


@settings(deadline=None, max_examples=60)
@given(width=st.integers(30, 250), height=st.integers(30, 250), seed=st.integers(0, 1000))
def test_resized_it_is_that_rounded_to_nearest_along_rows_and_along_columns(width, height, seed):
    """At most two halves apart (docs/decisions/0009); cut off, it would drift by 0.5."""
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image_3HW, _ = render(whole(picture, Annotations.of([])), Look())
    levels = 255 * torch.tensor(STD_RGB).view(3, 1, 1)
    apart_3HW = (image_3HW - fit_picture(picture, SIZE).image_3HW) * levels
    assert apart_3HW.abs().max() <= 1.002  # the kernels' weights are fixed-point numbers
    assert apart_3HW.mean().abs() <= 0.25


@settings(deadline=None, max_examples=60)
@given(
    corner=st.tuples(st.integers(0, 80), st.integers(0, 60)),
    sides=st.tuples(st.integers(24, 40), st.integers(24, 30)),
    zoom=st.floats(0.5, 1.8),
    mirrored=st.booleans(),
    upside_down=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_box_stays_on_its_block(corner, sides, zoom, mirrored, upside_down, seed):
    box = (corner[0], corner[1], corner[0] + sides[0], corner[1] + sides[1])
    picture = picture_with_block(box)
    size = np.minimum(np.array(box).reshape(2, 2), [120, 90])
    annotations = Annotations.of([size.reshape(4)])
    rng = np.random.default_rng(seed)
    window = random_window((120, 90), (120 / zoom, 90 / zoom), rng)
    view = look_through(window, picture, annotations)
    look = Look(zoom=zoom, mirrored=mirrored, upside_down=upside_down)
    image_3HW, found = render(view, look)
    rows, columns = torch.nonzero(image_3HW[0] > 0.5, as_tuple=True)
    if not len(found):
        assert len(rows) == 0 or min(len(set(rows.tolist())), len(set(columns.tolist()))) <= 2
        return
    if found.boxes_xyxy[0, 2] - found.boxes_xyxy[0, 0] < 8 or len(rows) < 64:
        return  # too little is left of the block to measure its place
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    iou = box_iou(torch.tensor([seen], dtype=torch.float32), torch.from_numpy(found.boxes_xyxy))
    np.testing.assert_allclose(found.boxes_xyxy[0], seen, atol=1.5)
    assert float(iou) > 0.75


@settings(deadline=None, max_examples=100)
@given(
    boxes=st.lists(
        st.tuples(*[st.floats(0, 80, width=32)] * 2, *[st.floats(0.0625, 40, width=32)] * 2),
        max_size=5,
    ),
    zoom=st.floats(0.1, 10),
    seed=st.integers(0, 1000),
    mirrored=st.booleans(),
)
def test_boxes_are_never_degenerate_and_never_outside(boxes, zoom, seed, mirrored):
    rows = [[x, y, min(120, x + w), min(90, y + h)] for x, y, w, h in boxes]
    picture = np.zeros((90, 120, 3), dtype=np.uint8)
    rng = np.random.default_rng(seed)
    window = random_window((120, 90), (120 / zoom, 90 / zoom), rng)
    view = look_through(window, picture, Annotations.of(rows))
    _, found = render(view, Look(mirrored=mirrored, upside_down=mirrored))
    assert found.boxes_xyxy.dtype == np.float32
    assert (found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2] >= 0.999).all()
    assert (found.boxes_xyxy >= -1e-4).all()
    assert (found.boxes_xyxy <= np.array([96, 64, 96, 64]) + 1e-4).all()


def test_what_lies_around_a_smaller_placement_is_zero():
    picture = np.full((90, 120, 3), 255, dtype=np.uint8)
    view = View(picture, Annotations.of([]), width=240, height=180, left=60, top=90)
    image_3HW, _ = render(view, Look(brightness=0.9, contrast=1.2))
    shown = image_3HW[0] != 0
    rows, columns = torch.nonzero(shown, as_tuple=True)
    assert int(shown.sum()) == 43 * 32
    assert (int(columns.min()), int(rows.min())) == (21, 32)


def test_brightness_and_contrast_are_what_they_say():
    picture = np.full((64, 96, 3), 100, dtype=np.uint8)
    plain, _ = render(whole(picture, Annotations.of([])), Look())
    changed, _ = render(whole(picture, Annotations.of([])), Look(brightness=1.2, contrast=0.5))
    brighter, _ = render(whole(np.full_like(picture, 120), Annotations.of([])), Look())
    torch.testing.assert_close(changed, 0.5 * brighter)
    assert not torch.equal(changed, plain)


def test_mirroring_twice_changes_nothing():
    boxes = np.array([[3, 4, 10, 30]], dtype=np.float32)
    np.testing.assert_array_equal(mirror_boxes(boxes, 50, axis=0), [[40, 4, 47, 30]])
    np.testing.assert_array_equal(mirror_boxes(mirror_boxes(boxes, 50, 1), 50, 1), boxes)


class TestAugmentation:
    def test_draws_what_it_says(self):
        augmentation = Augmentation(horizontal_flip=0.25, vertical_flip=0.0, zoom=(0.5, 2.0))
        rng = np.random.default_rng(0)
        looks = [augmentation.draw(rng) for _ in range(2000)]
        zooms = np.array([look.zoom for look in looks])
        assert 0.2 < np.mean([look.mirrored for look in looks]) < 0.3
        assert not any(look.upside_down for look in looks)
        assert zooms.min() >= 0.5
        assert zooms.max() <= 2.0
        assert abs(np.log(zooms).mean()) < 0.03
        for change in ("brightness", "contrast"):
            values = np.array([getattr(look, change) for look in looks])
            assert 0.8 <= values.min() < 0.81
            assert 1.19 < values.max() <= 1.2

    def test_switched_off_changes_nothing(self):
        off = Augmentation(
            horizontal_flip=0, vertical_flip=0, zoom=(1, 1), brightness=0, contrast=0
        )
        assert off.draw(np.random.default_rng(0)) == Look()

    def test_one_setting_does_not_shift_the_others(self):
        first = Augmentation().draw(np.random.default_rng(3))
        second = Augmentation(zoom=(1, 1)).draw(np.random.default_rng(3))
        assert (first.mirrored, first.contrast) == (second.mirrored, second.contrast)

    @pytest.mark.parametrize(
        "wrong",
        [{"zoom": (2, 1)}, {"zoom": (0, 1)}, {"contrast": 1.0}, {"vertical_flip": 2}, {"flip": 1}],
    )
    def test_wrong_settings_are_refused(self, wrong):
        with pytest.raises(ValidationError):
            Augmentation(**wrong)
