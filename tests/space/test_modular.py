"""Codes and widths around a structure: limits, counts, entering, and the five operators."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smnas.arch import DetectorArch
from smnas.arch.parts import BLOCKS
from smnas.errors import SpaceError
from smnas.space.coding import as_built
from smnas.space.known import known_space
from smnas.space.modular import ModularSpace

SPACES = {name: known_space(name) for name in ("micro", "paper")}


def _codes_by_brute_force(space):
    for blocks in range(space.min_blocks, space.max_blocks + 1):
        for symbols in product("12-", repeat=blocks + 3):
            code = "".join(symbols)
            groups = code.split("-")
            if len(groups) == 4 and all(groups) and code.count("2") == space.doublings:
                yield code


def test_count_and_list_agree_with_brute_force(small, structure):
    codes = set(_codes_by_brute_force(small))
    assert small.num_codes == len(codes)
    assert all(map(small.holds_code, codes))
    listed = list(small.around(structure).enumerate())
    assert {arch.backbone.code for arch in listed} == codes
    assert len(listed) == small.size == len(codes) * 2 * 2


def test_without_a_pyramid_there_is_no_neck_to_widen(small, structure):
    arch = small.enter(structure).replace(
        neck=DetectorArch.parse("64x64/resnet18/none/rpn/rcnn").neck
    )
    # Nor is the last group searched, which is not built.
    codes = {code for code in _codes_by_brute_force(small) if code.endswith("-2")}
    listed = list(small.around(arch).enumerate())
    assert {member.backbone.code for member in listed} == codes
    assert len(listed) == len(codes) * 2
    assert "step-neck" not in small.moves(arch)


@pytest.mark.parametrize("name", SPACES)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_operators_do_what_they_say(name, data):
    pair = SPACES[name]
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    space, parent = pair.modular, pair.modular.enter(pair.structural.sample(rng))
    for _ in range(data.draw(st.integers(0, 6))):
        parent, _ = space.mutate(parent, rng)
    child, operator = space.mutate(parent, rng)
    before, after = parent.backbone, child.backbone
    assert space.contains(child)
    assert child != parent
    for kept in ("input", "proposals", "head", "norm"):
        assert getattr(child, kept) == getattr(parent, kept)
    assert before.block == after.block
    assert (child.neck != parent.neck) == (operator == "step-neck")
    assert (before.base != after.base) == (operator == "step-base")
    assert (before.code != after.code) == (operator in ("insert", "delete", "swap"))
    growth = {"insert": 1, "delete": -1}.get(operator, 0)
    assert len(after.code) - len(before.code) == growth
    assert after.code.count("2") == before.code.count("2")


def _walk_everywhere(space, start):
    """All that the operators lead to; each step is looked at."""
    reached, edge = {start}, [start]
    while edge:
        parent = edge.pop()
        for operator, children in space.moves(parent).items():
            for child in children:
                assert space.contains(child), operator
                assert as_built(child) != as_built(parent), operator
                if child not in reached:
                    reached.add(child)
                    edge.append(child)
    return reached


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("neck", ["none", "fpn-p1-p2-256", "fpn-p2-p5-128"])
def test_operators_reach_every_member_with_every_block_kind(block, neck):
    space = ModularSpace(
        bases=(48, 56, 64), neck_widths=(128, 256, 512), min_blocks=5, max_blocks=6
    )
    start = DetectorArch.parse(f"64x64/{block}_56_1-2-22-1/{neck}/rpn/rcnn/norm=gn-ws")
    around = space.around(start)
    assert _walk_everywhere(around, start) == set(around.enumerate())


@pytest.mark.slow
def test_operators_reach_every_member_of_up_to_eight_blocks():
    space = ModularSpace(bases=(48, 56), neck_widths=(128, 256), min_blocks=5, max_blocks=8)
    start = DetectorArch.parse("64x64/basicblock_48_1-2-22-1/fpn-p2-p5-128/rpn/rcnn/norm=gn-ws")
    around = space.around(start)
    assert _walk_everywhere(around, start) == set(around.enumerate())
    assert around.size == 2 * 2 * (40 + 200 + 700 + 1960)


def test_from_either_end_of_the_paper_s_limits_there_is_a_way_inside(paper):
    space = paper.modular
    longest = "1" * 29 + "-2-2-1112"
    for code, absent in (("1-2-2-12", "delete"), (longest, "insert")):
        arch = DetectorArch.parse(f"512x512/bottleneck_72_{code}/fpn-p2-p5-512/rpn/rcnn/norm=gn-ws")
        moves = space.moves(arch)
        assert absent not in moves
        assert {"step-base", "swap", "step-neck"} <= set(moves)
        assert {child.backbone.base for child in moves["step-base"]} == {64}
        assert {child.neck.width for child in moves["step-neck"]} == {256}


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("1-1-1-2", {"delete", "swap"}),  # fewest blocks, so no group can give one away
        ("1-1-1-112", {"insert"}),  # most blocks
    ],
)
def test_an_operator_without_a_move_is_not_offered(small, structure, code, absent):
    arch = small.enter(structure)
    arch = arch.replace(backbone=arch.backbone.model_copy(update={"code": code}))
    assert set(small.moves(arch)) == {"step-base", "step-neck", "insert", "delete", "swap"} - absent


def test_one_choice_alone_cannot_be_stepped(structure):
    space = ModularSpace(bases=(8,), neck_widths=(16,), min_blocks=4, max_blocks=4, doublings=0)
    arch = space.enter(structure.replace(backbone=_backbone("basicblock_8_1-1-1-1")))
    assert space.moves(arch) == {}
    with pytest.raises(SpaceError, match="this one has none"):
        space.mutate(arch, np.random.default_rng(0))


def _backbone(text):
    return DetectorArch.parse(f"64x64/{text}/fpn-p2-p4-32/rpn/rcnn").backbone


def test_groups_that_are_not_built_are_left_alone(small):
    # Without a neck the last group is not built: it stays, and counts towards the limits.
    arch = DetectorArch.parse("64x64/basicblock_8_1-1-2-11/none/rpn/rcnn/norm=gn-ws")
    moves = small.moves(arch)
    assert list(moves) == ["step-base", "insert"]
    inserted = [child.backbone.code for child in moves["insert"]]
    assert inserted == ["11-1-2-11", "1-11-2-11", "1-1-12-11", "1-1-21-11"]
    around = small.around(arch)
    assert {member.backbone.code[-3:] for member in around.enumerate()} == {"-11"}


@pytest.mark.parametrize(
    ("structure", "entry"),
    [
        (
            "512x512/resnet50/fpn-p2-p5-256/ga-rpn/cascade-3",
            "512x512/bottleneck_64_111-2111-211111-211/fpn-p2-p5-256/ga-rpn/cascade-3/norm=gn-ws",
        ),
        (
            "800x600/resnet18/none/rpn/rcnn",
            "800x600/basicblock_64_11-21-21-21/none/rpn/rcnn/norm=gn-ws",
        ),
        (
            "800x600/resnext50/fpn-p2-p6-300/none/retina/extra=conv/in=p2-p3",
            "800x600/xbottleneck_64_111-2111-211111-211/fpn-p2-p6-256/none/retina/extra=conv"
            "/in=p2-p3/norm=gn-ws",
        ),
        (
            "512x512/mobilenetv2/fpn-p1-p4-64/rpn/rcnn",
            "512x512/inverted_48_11-111-2111111-2112/fpn-p1-p4-128/rpn/rcnn/norm=gn-ws",
        ),
    ],
)
def test_structures_enter_as_the_member_that_stands_for_them(paper, structure, entry):
    entered = paper.modular.enter(DetectorArch.parse(structure))
    assert str(entered) == entry
    assert paper.modular.contains(entered)
    assert paper.modular.enter(entered) == entered


def test_what_cannot_enter_is_refused(small, paper, structure):
    with pytest.raises(SpaceError, match=r"'timm:resnet26' has no code"):
        paper.modular.enter(structure.replace(backbone=_backbone("timm:resnet26")))
    with pytest.raises(SpaceError, match="takes 4 to 6 blocks and 1 doublings"):
        small.enter(structure.replace(backbone=_backbone("resnet101")))


def test_neighbourhoods_are_equal_where_only_modules_differ(micro):
    first, second = (
        micro.modular.around(DetectorArch.parse(f"96x96/{text}/none/retina/norm=gn-ws"))
        for text in ("basicblock_8_1-2-2-2/fpn-p2-p4-32", "basicblock_32_1-21-21-21/fpn-p2-p4-64")
    )
    assert first.frame == second.frame
    assert first.contains(second.entry)
    other = DetectorArch.parse("96x96/bottleneck_8_1-2-2-2/fpn-p2-p4-32/none/retina/norm=gn-ws")
    assert micro.modular.around(other).frame != first.frame
    assert not first.contains(other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bases": (16, 8)}, r"bases must rise.*got \[16, 8\]"),
        ({"bases": (9,)}, "multiple of 2"),
        ({"neck_widths": ()}, "at least 1 item"),
        ({"min_blocks": 9, "max_blocks": 5}, "min_blocks is at most max_blocks; got 9 and 5"),
        ({"min_blocks": 3}, "greater than or equal to 4"),
        ({"doublings": 5}, "got 5 for 4 blocks"),
        ({"max_blocks": 4, "doublings": 2}, "no operator can move a doubling; got 4 for 4 groups"),
    ],
)
def test_limits_that_make_no_space_are_refused(change, message):
    plain = {"bases": (8,), "neck_widths": (16,), "min_blocks": 4, "max_blocks": 6}
    with pytest.raises(ValidationError, match=message):
        ModularSpace(**{**plain, **change})
