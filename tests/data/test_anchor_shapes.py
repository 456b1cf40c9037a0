"""Anchors that suit the objects: known shapes are found, and overlap is never worse."""

import numpy as np
import pytest

from smnas.arch.parts import Anchors, InputSize
from smnas.data.anchor_shapes import best_overlap, fit_anchors, sides_at_inputs
from smnas.data.coco import load_coco

PYRAMID = (8, 16, 32)


def test_objects_of_one_shape_get_its_ratio():
    sides = np.full((50, 2), [10.0, 40.0])
    found = fit_anchors(Anchors(scale=4, octaves=3), [sides], [PYRAMID])
    assert found.ratios == (4.0,)
    assert found.octaves == 3
    assert best_overlap(sides, found, PYRAMID) > 0.9


def test_scale_and_ratios_of_made_objects_are_found():
    rng = np.random.default_rng(0)
    truth = Anchors(scale=2.0, octaves=1, ratios=(0.25, 1.0, 4.0))
    length = truth.scale * rng.choice(PYRAMID, 600)
    ratio = np.repeat(truth.ratios, 200)
    sides = np.stack([length / ratio**0.5, length * ratio**0.5], axis=1)
    found = fit_anchors(Anchors(scale=8, octaves=1), [sides], [PYRAMID])
    assert (found.scale, found.ratios) == (2.0, (0.25, 1.0, 4.0))
    assert best_overlap(sides, found, PYRAMID) == pytest.approx(1.0)


@pytest.mark.parametrize("elongation", [1.0, 3.0, 6.0])
def test_the_best_anchors_overlap_at_least_as_the_published_ones(elongation):
    rng = np.random.default_rng(1)
    side, ratio = np.exp(rng.normal(3.5, 0.6, 500)), elongation * np.exp(rng.normal(0, 0.3, 500))
    sides = np.stack([side / ratio**0.5, side * ratio**0.5], axis=1)
    published = Anchors(scale=4, octaves=3)
    found = fit_anchors(published, [sides], [PYRAMID])
    gain = best_overlap(sides, found, PYRAMID) - best_overlap(sides, published, PYRAMID)
    assert gain >= (0.15 if elongation > 3 else 0.0)


def test_the_overlap_of_shapes_is_iou():
    anchors = Anchors(scale=1, octaves=1, ratios=(1.0,))
    sides = np.array([[8.0, 8.0], [4.0, 8.0], [16.0, 16.0]])
    assert best_overlap(sides, anchors, (8,)) == pytest.approx((1 + 0.5 + 0.25) / 3)


def test_sides_are_those_at_the_input(make_coco, coco_content):
    coco_content["annotations"][1]["iscrowd"] = 1
    inputs = [InputSize(width=32, height=32), InputSize(width=128, height=96)]
    small, large = sides_at_inputs(load_coco(make_coco()), inputs)
    np.testing.assert_allclose(small, [[10, 8]] * 5)
    np.testing.assert_allclose(large, [[40, 32]] * 5)
