"""Codes: what is one, and the blocks that it plans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smnas.arch.backbone_code import MAX_BLOCKS, BlockPlan, check_code, plan_groups
from smnas.errors import ArchError


def test_the_worked_figure_of_the_sibling_search():
    # paper.md 2.1: `56_121-211-1111-121111`.
    groups = plan_groups("121-211-1111-121111", base=56)
    assert [[block.planes for block in group] for group in groups] == [
        [56, 112, 112],
        [224, 224, 224],
        [224, 224, 224, 224],
        [224, 448, 448, 448, 448, 448],
    ]
    strides = [[block.stride for block in group] for group in groups]
    assert strides == [[1, 1, 1], [2, 1, 1], [2, 1, 1, 1], [2, 1, 1, 1, 1, 1]]


def test_resnet18():
    wide = [[64, 64], [128, 128], [256, 256], [512, 512]]
    groups = plan_groups("11-21-21-21", base=64)
    assert [[block.planes for block in group] for group in groups] == wide
    assert groups[0][0] == BlockPlan(planes=64, stride=1)


@given(st.lists(st.text("12", min_size=1, max_size=6), min_size=4, max_size=4))
def test_a_plan_has_one_block_per_digit_and_doubles_once_per_two(groups):
    code = "-".join(groups)
    if code.count("2") > 8:
        return
    plan = plan_groups(check_code(code), base=8)
    assert [len(group) for group in plan] == [len(group) for group in groups]
    assert plan[-1][-1].planes == 8 * 2 ** code.count("2")
    assert sum(block.stride == 2 for group in plan for block in group) == 3


@pytest.mark.parametrize(
    "code", ["", "1", "1-1-1", "1-1-1-1-1", "1--1-1", "-1-1-1", "1-1-1-", "1-3-1-1", "1-1-1-1\n"]
)
def test_what_is_no_code_is_refused_with_an_example(code):
    with pytest.raises(ArchError) as error:
        check_code(code)
    assert str(error.value) == (
        f"backbone code {code!r}: expected 4 groups of the digits 1 (keep the width) and 2 "
        "(double it), joined by hyphens, such as '11-21-21-21'"
    )


def test_what_is_too_large_to_build_is_refused():
    check_code("1" * (MAX_BLOCKS - 3) + "-1-1-1")
    with pytest.raises(ArchError, match=r"has 201 blocks and 0 doublings; at most 200 blocks"):
        check_code("1" * (MAX_BLOCKS - 2) + "-1-1-1")
    with pytest.raises(ArchError, match=r"has 12 blocks and 9 doublings; at most .* 8 doublings"):
        check_code("222-222-222-111")
