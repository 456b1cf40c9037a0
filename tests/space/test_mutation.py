"""The operators on codes, by hand."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smnas.errors import SpaceError
from smnas.space.mutation import delete_block, insert_block, pick_move, step, swap_symbols

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


def test_operators_are_drawn_evenly_then_their_children(micro):
    a, b, c, *_ = micro.structural.enumerate()
    rng = np.random.default_rng(0)
    drawn = Counter(pick_move({"one": (a,), "two": (b, c)}, rng) for _ in range(4000))
    assert drawn[a, "one"] == pytest.approx(2000, abs=150)
    assert drawn[b, "two"] == pytest.approx(1000, abs=120)
    with pytest.raises(SpaceError, match="none"):
        pick_move({}, rng)
