"""Whole scenes: their boxes against a second reckoning, and what each grade promises."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.data.scenes.painting import BACKGROUND, Layer, Shadow, annotate, paint_layers
from smnas.data.scenes.parts import load_parts
from smnas.data.scenes.recipe import RenderedScene, recipe_version, render_scene
from smnas.data.scenes.settings import GRADES
from smnas.seeding import generator

FULL = settings(max_examples=60, deadline=None)


RECORDED_OBJECTS = [
    ([23, 12, 30, 24], 1, False),
    ([44, 36, 71, 66], 0, False),
    ([38, 99, 66, 123], 3, False),
    ([16, 96, 43, 128], 2, False),
    ([0, 116, 16, 128], 4, True),
    ([0, 47, 18, 66], 3, False),
]
RECORDED_SHADES = [[80, 101, 131, 105], [40, 45, 119, 99], [57, 65, 76, 37], [45, 93, 50, 47]]


def render(grade: str, seed: int, size: int = 96, split: str = "val") -> RenderedScene:
    return render_scene(load_parts(split), GRADES[grade], size, generator(seed, "test"))


SCENES = st.builds(
    render,
    st.sampled_from(sorted(GRADES)),
    st.integers(0, 2**32),
    st.sampled_from([64, 97, 160]),
)


def reckon(layers: list[Layer], size: int):
    """Return boxes, labels and ignored flags, pixel by pixel, from the topmost layer down."""
    taken: set[tuple[int, int]] = set()
    found = []
    for layer in reversed(layers):
        rows, columns = np.nonzero(layer.alpha_HW >= 128)
        pixels = {
            (int(x) + layer.left, int(y) + layer.top) for x, y in zip(columns, rows, strict=True)
        }
        seen = {(x, y) for x, y in pixels if 0 <= x < size and 0 <= y < size} - taken
        taken |= seen
        if layer.label is not None and seen:
            xs, ys = zip(*seen, strict=True)
            box = [min(xs), min(ys), max(xs) + 1, max(ys) + 1]
            hidden = len(seen) < 20 or len(seen) < 0.35 * len(pixels)
            found.append((box, layer.label, hidden))
    return found[::-1]


@FULL
@given(SCENES)
def test_boxes_are_tight_around_the_visible_pixels(scene):
    found = scene.annotations
    rows = zip(found.boxes_xyxy.tolist(), found.labels.tolist(), found.ignore.tolist(), strict=True)
    assert list(rows) == reckon(scene.layers, len(scene.picture))


@FULL
@given(SCENES)
def test_boxes_are_tight_in_the_painted_picture(scene):
    """Every layer in a colour of its own, with a hard edge: a box ends where its colour does."""
    plain = [
        Layer(
            np.where(layer.alpha_HW >= 128, 255, 0).astype(np.uint8),
            np.full_like(layer.colours_HW3, 10 + number),
            layer.left,
            layer.top,
            Shadow(0, 0, 1.0, 0.0),
            layer.label,
        )
        for number, layer in enumerate(scene.layers)
    ]
    picture = np.zeros(scene.picture.shape, dtype=np.float32)
    annotations = annotate(paint_layers(picture, plain), plain)
    np.testing.assert_array_equal(annotations.boxes_xyxy, scene.annotations.boxes_xyxy)
    boxes = iter(annotations.boxes_xyxy.astype(int))
    for number, layer in enumerate(plain):
        shown = picture[:, :, 0] == 10 + number
        if layer.label is None or not shown.any():
            continue
        left, top, right, bottom = next(boxes)
        assert shown[top:bottom, left:right].sum() == shown.sum()
        inside = shown[top:bottom, left:right]
        edges = inside[0], inside[-1], inside[:, 0], inside[:, -1]
        assert all(edge.any() for edge in edges)
    assert next(boxes, None) is None


@FULL
@given(SCENES)
def test_pictures_and_boxes_are_of_the_promised_form(scene):
    size = len(scene.picture)
    assert scene.picture.shape == (size, size, 3)
    assert scene.picture.dtype == np.uint8
    boxes = scene.annotations.boxes_xyxy
    assert boxes.dtype == np.float32
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= size).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


@pytest.mark.parametrize("name", sorted(GRADES))
def test_a_grade_keeps_its_promises(name):
    grade = GRADES[name]
    scenes = [render(name, seed, size=160) for seed in range(60)]
    objects = [sum(layer.label is not None for layer in scene.layers) for scene in scenes]
    digits = [sum(layer.label is None for layer in scene.layers) for scene in scenes]
    assert {min(objects), max(objects)} == set(grade.objects)
    assert (min(digits), max(digits)) == (0, grade.digits)
    sides = []
    for scene in scenes:
        for layer in scene.layers:
            if layer.label is not None:
                rows, columns = np.nonzero(layer.alpha_HW >= 128)
                sides.append(max(np.ptp(rows), np.ptp(columns)) + 1)
    smallest, largest = (160 * share for share in grade.long_side)
    assert min(sides) >= 0.9 * smallest - 2
    assert max(sides) <= largest + 2
    # Log-uniform: the median is near the geometric mean of the ends.
    assert np.median(sides) == pytest.approx(math.sqrt(smallest * largest), rel=0.25)
    assert {layer.label for s in scenes for layer in s.layers} >= set(range(5))


def test_noise_grows_with_the_grade():
    def roughness(name):
        scenes = [render(name, seed, size=64) for seed in range(40)]
        return np.mean([np.abs(np.diff(s.picture.astype(int), axis=1)).mean() for s in scenes])

    assert roughness("hard") > roughness("easy")


def test_a_seed_shows_the_same_scene_in_any_size():
    small, large = (render("normal", 3, size=size) for size in (80, 320))
    assert [layer.label for layer in small.layers] == [layer.label for layer in large.layers]
    for one, other in zip(small.layers, large.layers, strict=True):
        middles = [
            (layer.left + layer.alpha_HW.shape[1] / 2, layer.top + layer.alpha_HW.shape[0] / 2)
            for layer in (one, other)
        ]
        np.testing.assert_allclose(np.multiply(middles[0], 4), middles[1], atol=4)
    shrunk = large.picture.reshape(80, 4, 80, 4, 3).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), small.picture.ravel())[0, 1] > 0.9


def test_equal_seeds_make_equal_pictures_and_others_do_not():
    one, same, other = (render("normal", seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.picture, same.picture)
    np.testing.assert_array_equal(one.annotations.boxes_xyxy, same.annotations.boxes_xyxy)
    assert (one.picture != other.picture).any()


def test_patterns_are_never_cut_from_the_background():
    """One photograph is white, the other black: what is patterned is of the other shade."""
    shades = (np.full((50, 50, 3), 255, np.uint8), np.zeros((50, 50, 3), np.uint8))
    parts = replace(load_parts("val"), photographs=shades)
    checked = set()
    for seed in range(30):
        scene = render_scene(parts, GRADES["hard"], 64, generator(seed))
        on_white = bool(scene.picture[scene.owners_HW == BACKGROUND].mean() > 60)
        for layer in scene.layers:
            if np.ptp(layer.colours_HW3, axis=2).max() == 0:  # grey: no ramp of two colours
                assert (layer.colours_HW3.max() == 0) == on_white
                checked.add(on_white)
    assert checked == {True, False}


@pytest.mark.golden
def test_the_recipe_is_the_recorded_one():
    """Whoever changes what comes out raises recipe_version and records the scene anew.

    Other versions of Pillow and NumPy may round differently, hence the tolerances.
    """
    assert recipe_version(GRADES["hard"], 128) == 2
    scene = render("hard", 9, size=128, split="train")
    boxes, labels, ignored = zip(*RECORDED_OBJECTS, strict=True)
    np.testing.assert_allclose(scene.annotations.boxes_xyxy, boxes, atol=1)
    assert scene.annotations.labels.tolist() == list(labels)
    assert scene.annotations.ignore.tolist() == list(ignored)
    shades = scene.picture.reshape(4, 32, 4, 32, 3).mean(axis=(1, 3, 4))
    np.testing.assert_allclose(shades, RECORDED_SHADES, atol=1)


def test_the_version_stays_where_nothing_is_small_enough_to_fade():
    assert [recipe_version(GRADES["easy"], size) for size in (95, 96, 160)] == [2, 1, 1]
    # Digits of normal pictures are at least 0.08 of the side, objects 0.10.
    assert [recipe_version(GRADES["normal"], size) for size in (299, 300)] == [2, 1]
