"""The text form: exact in both directions, and errors that name the part and the nearest."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.arch import DetectorArch
from smnas.arch.keys import KEYS
from smnas.errors import ArchError

PLAIN = "64x64/resnet18/fpn-p2-p5-64/none/retina"
TWO_STAGE = "64x64/resnet18/fpn-p2-p5-64/rpn/rcnn"


@given(data=st.data())
@settings(deadline=None, max_examples=300)
def test_text_and_json_are_exact_in_both_directions(data, archs):
    arch = data.draw(archs)
    text = str(arch)
    assert DetectorArch.parse(text) == arch
    assert str(DetectorArch.parse(text)) == text
    assert DetectorArch.from_json(arch.to_json()) == arch


@given(data=st.data())
@settings(deadline=None, max_examples=100)
def test_texts_are_safe_in_a_shell_with_keys_in_order(data, archs):
    text = str(data.draw(archs))
    assert re.fullmatch(r"[A-Za-z0-9_.:,=/+-]+", text)
    keys = [item.split("=")[0] for item in text.split("/")[5:]]
    assert keys == sorted(keys)
    assert set(keys) <= set(KEYS)


@given(data=st.data())
@settings(deadline=None, max_examples=50)
def test_different_archs_have_different_texts(data, archs):
    one, other = data.draw(archs), data.draw(archs)
    assert (str(one) == str(other)) == (one == other)


@pytest.mark.parametrize(
    "text",
    [
        "800x600/basicblock_56_12-11111-211-1112/fpn-p1-p5-128/rpn/cascade-3",
        "512x512/resnet50/fpn-p2-p6-256/none/retina/extra=conv",
        "64x32/timm:resnet26d.bt_in1k/none/ga-rpn/rcnn/norm=gn-ws/proposals=50",
        "64x64/inverted_24_11-111-2111-2112/fpn-p1-p6-24/rpn/rcnn/extra=conv-in/in=p1-p3",
        f"{TWO_STAGE}/box-stds=0.05,0.05,0.1,0.1/fc=256/nms=0.6/roi=5/rpn-anchor-ratios=1/score=0",
    ],
)
def test_canonical_texts_stay_as_they_are(text):
    assert str(DetectorArch.parse(text)) == text


@pytest.mark.parametrize(
    ("loose", "canonical"),
    [
        (f"  {PLAIN}\n", PLAIN),
        (f"{PLAIN}/convs=4/norm=bn", PLAIN),
        (f"{PLAIN}/norm=gn-ws/convs=2", f"{PLAIN}/convs=2/norm=gn-ws"),
        (f"{PLAIN}/nms=0.50", PLAIN),
        (f"{PLAIN}/in=p2-p4", PLAIN),
        ("064x64/resnet18/fpn-p2-p5-64/none/retina", PLAIN),
    ],
)
def test_loose_texts_become_canonical(loose, canonical):
    assert str(DetectorArch.parse(loose)) == canonical


@pytest.mark.parametrize("key", KEYS)
def test_every_keys_example_can_be_written_and_read(key):
    example = KEYS[key].example.split(" ")[-1]
    hosts = (PLAIN, TWO_STAGE, "64x64/resnet18/fpn-p2-p6-64/none/retina", TWO_STAGE)
    example = {"in": "p2-p3", "extra": "conv", "norm": "gn-ws"}.get(key, example)
    read = []
    for host in hosts:
        try:
            read.append(DetectorArch.parse(f"{host}/{key}={example}"))
        except ArchError:
            continue
    assert read, f"{key}={example} is accepted nowhere"
    assert all(DetectorArch.parse(str(arch)) == arch for arch in read)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "arch '': expected WxH/BACKBONE/NECK/PROPOSALS/HEAD"),
        ("retinanet-r50", "or a known name; did you mean 'retinanet-r50-fpn'?"),
        ("64/resnet18/none/rpn/rcnn", "input '64': expected WIDTHxHEIGHT, such as 160x160"),
        ("64x64/resnet81/none/rpn/rcnn", "did you mean 'resnet18'?"),
        ("64x64/basicblok_8_1-1-1-1/none/rpn/rcnn", "did you mean 'basicblock'?"),
        ("64x64/basicblock_8_1-1-1/none/rpn/rcnn", "expected 4 groups of the digits 1"),
        ("64x64/basicblock_9_1-1-1-1/none/rpn/rcnn", "multiple of 2; got 9"),
        ("64x64/basicblock_6_1-1-1-1/none/rpn/rcnn", "greater than or equal to 8; got 6"),
        ("64x64/timm:a b/none/rpn/rcnn", "backbone 'timm:a b'"),
        ("64x64/resnet18/fpn-p2-p5/rpn/rcnn", "expected 'none' or fpn-pA-pB-WIDTH"),
        ("64x64/resnet18/fpn-p5-p2-64/rpn/rcnn", "neck 'fpn-p5-p2-64'"),
        ("64x64/resnet18/fpn-p4-p2-64/rpn/rcnn", "levels run upwards; got P4 to P2"),
        ("64x64/resnet18/fpn-p2-p7-64/rpn/rcnn", "less than or equal to 6; got 7"),
        ("64x64/resnet18/none/rnp/rcnn", "proposals 'rnp': unknown; did you mean 'rpn'?"),
        ("64x64/resnet18/none/rpn/rccn", "head 'rccn': unknown; did you mean 'rcnn'?"),
        ("64x64/resnet18/none/rpn/cascade-5", "head 'cascade-5': unknown; did you mean 'cascade-"),
        ("64x64/resnet18/none/none/rcnn", "head 'rcnn' needs proposals: use 'rpn' or 'ga-rpn'"),
        ("64x64/resnet18/none/none/retina", "head 'retina' needs a pyramid"),
        ("64x64/resnet18/none/rpn/retina", "head 'retina' works on all anchors"),
        ("0x64/resnet18/none/rpn/rcnn", "greater than or equal to 32; got 0"),
        ("64x1000000/resnet18/none/rpn/rcnn", "less than or equal to 8192; got 1000000"),
        (f"{PLAIN}/fc=256", "'fc=256': has no place in this arch"),
        (f"{PLAIN}/covns=2", "'covns=2': unknown key; did you mean 'convs'?"),
        (f"{PLAIN}/convs", "'convs': "),
        (f"{PLAIN}/convs=two", "'convs=two': expected a value such as convs=4"),
        (f"{PLAIN}/convs=0", "greater than or equal to 1"),
        (f"{PLAIN}/convs=2/convs=2", "a key stands twice"),
        (f"{PLAIN}/nms=nan", "nms"),
        (f"{PLAIN}/nms=1.5", "less than or equal to 1"),
        (f"{PLAIN}/norm=ln", "norm"),
        (f"{PLAIN}/anchor-ratios=1,1", "different ratios"),
        (f"{PLAIN}/anchor-ratios=", "expected a value such as anchor-ratios=0.5,1,2"),
        (f"{PLAIN}/in=p1-p3", "input levels must run from P2"),
        (f"{PLAIN}/in=2-3", "expected a value such as in=p1-p3"),
        ("64x64/resnet18/fpn-p2-p4-64/rpn/rcnn/extra=conv", "makes levels above P4"),
    ],
)
def test_errors_say_what_came_and_what_to_do(text, message):
    with pytest.raises(ArchError, match=re.escape(message)):
        DetectorArch.parse(text)


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=200)
def test_any_text_gives_an_arch_or_an_arch_error(text):
    for candidate in (text, f"{PLAIN}/{text}", f"64x64/{text}/none/rpn/rcnn"):
        try:
            arch = DetectorArch.parse(candidate)
        except ArchError:
            continue
        assert DetectorArch.parse(str(arch)) == arch
