"""The operators on codes, by hand."""

from collections import Counter
from itertools import combinations, combinations_with_replacement, pairwise, product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smnas.errors import SpaceError
from smnas.space.mutation import (
    CODE_OPERATORS,
    delete_block,
    insert_block,
    pick_move,
    step,
    swap_symbols,
)

CODES = st.text("12-", min_size=4, max_size=20)


def test_step():
    assert step(8, (8, 12, 16)) == [12]
    assert step(12, (8, 12, 16)) == [8, 16]
    assert step(16, (8, 12, 16)) == [12]
    assert step(8, (8,)) == []


def test_operators_by_hand():
    assert insert_block("12-2") == ["112-2", "121-2", "12-12", "12-21"]
    assert delete_block("112-1") == ["12-1", "112-"]
    assert swap_symbols("12-1") == ["21-1", "1-21", "121-"]
    assert swap_symbols("1111") == []


@given(CODES)
def test_insert_and_delete_are_each_others_way_back(code):
    assert all(code in delete_block(child) for child in insert_block(code))
    assert all(code in insert_block(child) for child in delete_block(code))


@given(CODES)
def test_swap_is_its_own_way_back_and_moves_one_two_or_hyphen(code):
    for child in swap_symbols(code):
        assert code in swap_symbols(child)
        assert sorted(child) == sorted(code)
        changed = [i for i in range(len(code)) if code[i] != child[i]]
        assert changed == [changed[0], changed[0] + 1]
        assert set(code[changed[0] : changed[1] + 1]) != {"1"}


@given(CODES)
def test_no_operator_returns_its_parent_or_a_child_twice(code):
    for operator in (insert_block, delete_block, swap_symbols):
        children = operator(code)
        assert code not in children
        assert len(set(children)) == len(children)


def _codes(groups, doublings, blocks):
    texts = map("".join, product("12-", repeat=blocks + groups - 1))
    return {
        text
        for text in texts
        if text.count("-") == groups - 1 and text.count("2") == doublings and all(text.split("-"))
    }


def _is_connected(codes):
    edge = [min(codes)]
    seen = set(edge)
    while edge:
        code = edge.pop()
        fresh = {child for operator in CODE_OPERATORS.values() for child in operator(code)} & codes
        edge += fresh - seen
        seen |= fresh
    return seen == codes


@pytest.mark.parametrize("groups", [1, 2, 3, 4])
def test_operators_connect_all_codes_unless_there_is_no_block_to_spare(groups):
    """By exhaustion, over every pair of limits up to 6 blocks."""
    for doublings in range(4):
        of = {n: _codes(groups, doublings, n) for n in range(max(groups, doublings, 1), 7)}
        for fewest, most in combinations_with_replacement(of, 2):
            codes = set().union(*(of[n] for n in range(fewest, most + 1)))
            no_room = most == groups and 0 < doublings < groups
            assert _is_connected(codes) != no_room, (doublings, fewest, most)


@pytest.mark.parametrize("fewest", [4, 5])
def test_operators_connect_all_codes_of_up_to_eight_blocks_with_three_doublings(fewest):
    codes = set().union(*(_codes_by_choice(blocks) for blocks in range(fewest, 9)))
    assert len(codes) == sum(comb(n - 1, 3) * comb(n, 3) for n in range(fewest, 9))
    assert _is_connected(codes)


def _codes_by_choice(blocks):
    for cuts in combinations(range(1, blocks), 3):
        for doublings in combinations(range(blocks), 3):
            digits = ["2" if at in doublings else "1" for at in range(blocks)]
            bounds = (0, *cuts, blocks)
            yield "-".join("".join(digits[a:b]) for a, b in pairwise(bounds))


def test_operators_are_drawn_evenly_then_their_children(micro):
    a, b, c, *_ = micro.structural.enumerate()
    rng = np.random.default_rng(0)
    drawn = Counter(pick_move({"one": (a,), "two": (b, c)}, rng) for _ in range(4000))
    assert drawn[a, "one"] == pytest.approx(2000, abs=150)
    assert drawn[b, "two"] == pytest.approx(1000, abs=120)
    with pytest.raises(SpaceError, match="none"):
        pick_move({}, rng)
