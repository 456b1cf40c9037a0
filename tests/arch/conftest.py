"""Generated archs: any parts that fit together, built as values."""

import pytest
from hypothesis import strategies as st

from smnas.arch import DetectorArch
from smnas.arch.parts import (
    NAMED_BACKBONES,
    Anchors,
    CascadeHead,
    CodedBackbone,
    FpnNeck,
    GuidedAnchoringRpn,
    InputSize,
    NamedBackbone,
    NoNeck,
    NoProposals,
    RcnnHead,
    RetinaHead,
    Rpn,
    TimmBackbone,
)

NUMBERS = st.floats(1e-4, 1e4)
SHARES = st.floats(0, 1)
SIDES = st.integers(32, 8192)
GROUPS = st.text("12", min_size=1, max_size=8)
CODES = (
    st.tuples(GROUPS, GROUPS, GROUPS, GROUPS)
    .map("-".join)
    .filter(lambda code: code.count("2") <= 8)
)
ANCHORS = st.builds(
    Anchors,
    scale=NUMBERS,
    octaves=st.integers(1, 8),
    ratios=st.lists(NUMBERS, min_size=1, max_size=5, unique=True).map(tuple),
    rounded=st.booleans(),
)
BACKBONES = st.one_of(
    st.builds(NamedBackbone, name=st.sampled_from(NAMED_BACKBONES), bn_eps=SHARES),
    st.builds(TimmBackbone, name=st.from_regex(r"[A-Za-z0-9_.]{1,20}", fullmatch=True)),
    st.builds(
        CodedBackbone,
        block=st.sampled_from(["basicblock", "bottleneck", "xbottleneck", "inverted"]),
        base=st.integers(4, 512).map(lambda half: 2 * half),
        code=CODES,
    ),
)
SUPPRESSION = {"nms": SHARES, "min_side": st.floats(-1, 1e4)}
KEPT = {"pre_nms": st.integers(1, 20_000), **SUPPRESSION}
OUT = {"score": SHARES, "detections": st.integers(1, 10_000), **SUPPRESSION}
ROI = {
    "fc": st.integers(1, 8192),
    "roi": st.integers(1, 64),
    "roi_aligned": st.booleans(),
    **OUT,
}
RPNS = st.one_of(
    st.builds(kind, anchors=ANCHORS, kept=st.integers(1, 10_000), **KEPT)
    for kind in (Rpn, GuidedAnchoringRpn)
)
RETINA = st.builds(
    RetinaHead, convs=st.integers(1, 16), anchors=ANCHORS, pre_nms=st.integers(1, 20_000), **OUT
)
ROI_HEADS = st.one_of(
    st.builds(RcnnHead, box_stds=st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), **ROI),
    st.builds(CascadeHead, stages=st.integers(2, 4), **ROI),
)


@st.composite
def necks(draw):
    first = draw(st.integers(1, 4))
    last = draw(st.integers(first, 6))
    top = draw(st.integers(first, min(4, last)))
    extra = draw(st.sampled_from(["pool", "conv", "conv-in"])) if last > top else "pool"
    width = draw(st.integers(1, 8192))
    return FpnNeck(first=first, last=last, width=width, inputs=(first, top), extra=extra)


@st.composite
def make_archs(draw):
    one_stage = draw(st.booleans())
    return DetectorArch(
        input=InputSize(width=draw(SIDES), height=draw(SIDES)),
        backbone=draw(BACKBONES),
        neck=draw(necks() if one_stage else st.one_of(st.builds(NoNeck), necks())),
        proposals=NoProposals() if one_stage else draw(RPNS),
        head=draw(RETINA if one_stage else ROI_HEADS),
        norm=draw(st.sampled_from(["bn", "gn-ws"])),
    )


@pytest.fixture(name="archs", scope="session")
def fixture_archs():
    """The strategy, for ``data.draw``."""
    return make_archs()
