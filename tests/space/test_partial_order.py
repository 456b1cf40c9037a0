"""The partial order against its definition, step by step."""

from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smnas.arch import DetectorArch
from smnas.arch.backbone_code import plan_groups
from smnas.space.known import known_space
from smnas.space.mutation import delete_block
from smnas.space.partial_order import order_place, precedes

BASES, NECKS, MOST_BLOCKS = (8, 12, 16), (16, 32), 6


def _codes():
    """All codes of up to six blocks with up to two doublings."""
    for groups in product(("1", "2", "11", "21"), repeat=4):
        code = "-".join(groups)
        if len(code) - 3 <= MOST_BLOCKS and code.count("2") <= 2:
            yield code


MEMBERS = [(base, neck, code) for base in BASES for neck in NECKS for code in _codes()]


@cache
def _widths(member):
    base, _, code = member
    return [[block.planes for block in group] for group in plan_groups(code, base)]


def _is_shallower(a, b):
    """One width-keeping block of ``b`` is left out, and all widths stay."""
    return a[:2] == b[:2] and a[2] in delete_block(b[2])


def _is_narrower(a, b):
    """Equal depth, no width larger (stem and neck are layers too), and one smaller."""
    ours, theirs = _widths(a), _widths(b)
    if list(map(len, ours)) != list(map(len, theirs)):
        return False
    flat_a, flat_b = sum(ours, [a[0], a[1]]), sum(theirs, [b[0], b[1]])
    return flat_a != flat_b and all(x <= y for x, y in zip(flat_a, flat_b, strict=True))


def _arch(member):
    base, neck, code = member
    return DetectorArch.parse(
        f"96x64/basicblock_{base}_{code}/fpn-p2-p5-{neck}/none/retina/norm=gn-ws"
    )


@pytest.fixture(name="below", scope="module")
def fixture_below():
    """For each of a few members all that precede it, by going down step by step."""
    chosen = MEMBERS[:: len(MEMBERS) // 12]
    found = {}
    for top in chosen:
        reached, waiting = set(), [top]
        while waiting:
            member = waiting.pop()
            for other in MEMBERS:
                if other not in reached and (
                    _is_shallower(other, member) or _is_narrower(other, member)
                ):
                    reached.add(other)
                    waiting.append(other)
        found[top] = reached
    return found


def test_it_is_the_transitive_closure_of_shallower_and_narrower(below):
    places = {member: order_place(_arch(member)) for member in MEMBERS}
    compared = 0
    for top, reached in below.items():
        ours = {member for member in MEMBERS if places[member].precedes(places[top])}
        assert ours == reached, top
        compared += len(reached)
    assert compared > 500


@given(st.sampled_from(MEMBERS), st.sampled_from(MEMBERS), st.sampled_from(MEMBERS))
def test_it_is_an_order(a, b, c):
    a, b, c = map(_arch, (a, b, c))
    assert not precedes(a, a)
    assert not (precedes(a, b) and precedes(b, a))
    if precedes(a, b) and precedes(b, c):
        assert precedes(a, c)


def test_all_else_must_be_equal():
    small = "96x64/basicblock_8_1-2-2-1/fpn-p2-p5-32/rpn/rcnn"
    larger = "96x64/basicblock_16_11-2-2-1/fpn-p2-p5-64/rpn/rcnn"
    assert precedes(DetectorArch.parse(small), DetectorArch.parse(larger))
    for old, new in (
        ("96x64", "96x96"), ("basicblock", "bottleneck"), ("p2-p5", "p2-p4"), ("rcnn", "cascade-2"),
        ("rpn/", "ga-rpn/"), ("rcnn", "rcnn/fc=256"), ("rcnn", "rcnn/norm=gn-ws"),
    ):  # fmt: skip
        assert not precedes(DetectorArch.parse(small), DetectorArch.parse(larger.replace(old, new)))


@pytest.mark.parametrize(
    ("smaller", "larger", "holds"),
    [
        ("resnet18", "resnet34", True),
        ("resnet34", "resnet18", False),
        ("resnet50", "resnet101", True),
        ("resnext50", "resnext101", True),
        ("resnet34", "resnet50", False),
        ("resnet50", "resnext101", False),
        ("mobilenetv2", "resnet101", False),
        ("resnet18", "basicblock_64_111-2111-211111-211", False),
    ],
)
def test_backbones_by_name_follow_their_families(smaller, larger, holds):
    text = "512x512/{}/fpn-p1-p5-{}/rpn/rcnn"
    for widths in ((256, 256), (128, 256)):
        pair = (text.format(*item) for item in zip((smaller, larger), widths, strict=True))
        assert precedes(*map(DetectorArch.parse, pair)) is holds
    wider = (text.format(*item) for item in zip((smaller, larger), (256, 128), strict=True))
    assert not precedes(*map(DetectorArch.parse, wider))
    assert precedes(*(DetectorArch.parse(text.format(larger, width)) for width in (128, 256)))


def test_what_is_never_built_does_not_count():
    a = DetectorArch.parse("96x64/basicblock_8_1-2-1-1111/fpn-p1-p3-32/rpn/rcnn")
    b = DetectorArch.parse("96x64/basicblock_8_1-2-1-1/fpn-p1-p3-32/rpn/rcnn")
    assert order_place(a) == order_place(b)
    assert not precedes(b, a)


def test_without_a_neck_the_backbone_alone_decides():
    a, b = (
        DetectorArch.parse(f"96x64/basicblock_{base}_1-2-1-1/none/rpn/rcnn") for base in (8, 16)
    )
    assert precedes(a, b)


def test_what_precedes_has_fewer_multiply_adds():
    from smnas.measure.cost import count_cost

    space = known_space("micro").modular
    structure = DetectorArch.parse(
        "96x64/basicblock_16_11-21-21-21/fpn-p2-p4-48/rpn/rcnn/fc=64/norm=gn-ws"
    )
    parent = space.enter(structure)
    children = [child for found in space.moves(parent).values() for child in found[:2]]
    macs = {arch: count_cost(arch.deployed, 2)[1].value for arch in [parent, *children]}
    pairs = [(a, b) for a in macs for b in macs if precedes(a, b)]
    assert len(pairs) >= 4
    assert all(macs[a] < macs[b] for a, b in pairs)
