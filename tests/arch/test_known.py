"""Detectors by name: they parse, have their own text, and match what is published."""

import pytest

from smnas.arch import DetectorArch
from smnas.arch.known import KNOWN_DETECTORS


@pytest.mark.parametrize("name", KNOWN_DETECTORS)
def test_names_stand_for_canonical_texts(name):
    assert str(DetectorArch.parse(name)) == KNOWN_DETECTORS[name]


def test_names_are_all_different_archs():
    assert len({DetectorArch.parse(name) for name in KNOWN_DETECTORS}) == len(KNOWN_DETECTORS)


def test_published_shapes():
    e2 = DetectorArch.parse("sm-nas-e2")  # paper.md 5.2
    assert (e2.backbone.base, e2.backbone.code) == (56, "12-11111-211-1112")
    assert (e2.head.stages, e2.neck.width, e2.neck.levels) == (3, 128, (1, 2, 3, 4, 5))
    retina = DetectorArch.parse("retinanet-r50-fpn")  # paper.md 6.4
    assert retina.head.anchors.per_position == 9
    assert (retina.neck.lateral_levels, retina.neck.levels) == ((2, 3, 4), (2, 3, 4, 5, 6))
    guided = DetectorArch.parse("ga-faster-rcnn-r50-fpn")  # paper.md 6.1
    assert (guided.proposals.kept, guided.proposals.anchors.octaves) == (300, 3)
    assert (guided.head.box_stds, guided.head.score) == ((0.05, 0.05, 0.1, 0.1), 0.001)
