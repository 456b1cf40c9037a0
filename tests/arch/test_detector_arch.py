"""The value itself: identity, JSON, copies, and the twin that ships."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smnas.arch import DetectorArch
from smnas.errors import ArchError

TEXT = "64x64/basicblock_8_1-2-2-2/fpn-p2-p5-64/none/retina/norm=gn-ws"


def test_the_id_is_of_the_text_and_does_not_change():
    arch = DetectorArch.parse(TEXT)
    assert arch.arch_id == hashlib.sha256(TEXT.encode()).hexdigest()[:12]
    # Stored in archives: this may never change.
    assert DetectorArch.parse("sm-nas-e2").arch_id == "dee469c1cb07"


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_the_deployed_twin_differs_in_norm_alone(data, archs):
    arch = data.draw(archs)
    twin = arch.deployed
    assert twin.norm == "bn"
    assert twin.replace(norm=arch.norm) == arch
    assert twin.deployed == twin


def test_it_is_frozen_and_hashable():
    arch = DetectorArch.parse(TEXT)
    assert {arch: 1}[DetectorArch.parse(TEXT)] == 1
    with pytest.raises(ValidationError, match="frozen"):
        arch.norm = "bn"  # pyright: ignore[reportAttributeAccessIssue]


def test_replace_checks_what_it_makes():
    arch = DetectorArch.parse(TEXT)
    two_stage = DetectorArch.parse("64x64/resnet18/fpn-p2-p5-64/rpn/rcnn")
    assert arch.replace(proposals=two_stage.proposals, head=two_stage.head).head == two_stage.head
    assert str(arch) == TEXT
    with pytest.raises(ArchError, match="needs proposals"):
        arch.replace(head=two_stage.head)
    with pytest.raises(ArchError, match="color"):
        arch.replace(color="red")


@pytest.mark.parametrize(
    ("text", "levels", "lateral", "padded"),
    [
        ("800x600/resnet50/fpn-p1-p5-128/rpn/rcnn", (1, 2, 3, 4, 5), (1, 2, 3, 4), (608, 800)),
        ("64x96/resnet50/fpn-p2-p3-128/rpn/rcnn", (2, 3), (2, 3), (96, 64)),
        ("33x32/resnet50/fpn-p1-p6-128/rpn/rcnn/in=p1-p2", (1, 2, 3, 4, 5, 6), (1, 2), (32, 64)),
        ("64x64/resnet50/none/rpn/rcnn", (3,), (3,), (64, 64)),
    ],
)
def test_levels_and_padding(text, levels, lateral, padded):
    arch = DetectorArch.parse(text)
    assert arch.neck.levels == levels
    assert arch.roi_levels == lateral
    assert arch.input.padded == padded


@pytest.mark.parametrize(
    "data", ["", "{", "[]", "null", '{"input": 3}', '{"sort": "detector"}', b"\xff"]
)
def test_json_that_is_no_arch_is_refused(data):
    with pytest.raises(ArchError, match="arch JSON"):
        DetectorArch.from_json(data)


def test_json_shows_all_faults_at_once():
    arch = DetectorArch.parse(TEXT)
    data = arch.to_json().replace('"width":64', '"width":1').replace('"first":2', '"first":9')
    with pytest.raises(ArchError, match=r"input\.width.*neck\.fpn\.first"):
        DetectorArch.from_json(data)
