"""Trees of choices: one assignment per member, by exhaustion where small, by draws where large."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smnas.arch import DetectorArch
from smnas.errors import SpaceError
from smnas.space.choices import Branch, CategoricalChoice, ChoiceTree, IntegerChoice
from smnas.space.joint import JointSpace
from smnas.space.known import known_space

SMALL = ("structural", "modular", "modular without a pyramid", "modular up to P2", "joint")
PAIRS = {name: known_space(name) for name in ("micro", "paper")}
LARGE = {
    f"{name} {kind}": make(pair)
    for name, pair in PAIRS.items()
    for kind, make in {
        "structural": lambda pair: pair.structural,
        "modular": lambda pair: pair.modular.around(next(pair.structural.enumerate())),
        "joint": JointSpace,
    }.items()
}


@pytest.fixture(name="space", params=SMALL)
def fixture_space(request, small, structure, small_pair):
    def with_neck(neck):
        return structure.replace(neck=DetectorArch.parse(f"64x64/resnet18/{neck}/rpn/rcnn").neck)

    return {
        "structural": small_pair.structural,
        "modular": small.around(structure),
        "modular without a pyramid": small.around(with_neck("none")),
        "modular up to P2": small.around(with_neck("fpn-p1-p2-16")),
        "joint": JointSpace(small_pair),
    }[request.param]


def test_every_assignment_is_one_member_and_every_member_one_assignment(space):
    assignments = list(space.choices.enumerate())
    members = [space.decode(values) for values in assignments]
    assert len(assignments) == space.size == space.choices.size
    assert len(set(members)) == len(members)
    assert all(map(space.contains, members))
    assert [space.encode(member) for member in members] == assignments
    assert set(members) == set(space.enumerate())


def test_what_the_operators_reach_is_in_the_tree(space):
    listed = list(map(space.decode, space.choices.enumerate()))
    members = set(listed)
    for member in listed[:: max(1, len(listed) // 60)]:
        assert all(members.issuperset(children) for children in space.moves(member).values())


def test_the_union_of_the_groups_of_stage_two_is_the_joint_space(small_pair):
    around = map(small_pair.modular.around, small_pair.structural.enumerate())
    members = {member for group in around for member in group.enumerate()}
    assert members == set(JointSpace(small_pair).enumerate())


@pytest.mark.parametrize("name", LARGE)
@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=25)
def test_in_large_spaces_both_directions_are_exact(name, seed):
    space, rng = LARGE[name], np.random.default_rng(seed)
    values = space.choices.sample(rng)
    member = space.decode(values)
    assert space.contains(member)
    assert space.encode(member) == values
    drawn = space.sample(rng)
    assert space.decode(space.encode(drawn)) == drawn
    for children in space.moves(drawn).values():
        assert space.decode(space.encode(children[-1])) == children[-1]


@pytest.mark.parametrize("name", LARGE)
@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=10)
def test_every_choice_at_once_decodes_and_what_is_not_met_is_ignored(name, seed):
    space, rng = LARGE[name], np.random.default_rng(seed)
    every = {
        choice.name: choice.options[int(rng.integers(len(choice.options)))]
        for choice in space.choices.flat
    }
    member = space.decode(every)
    met = space.encode(member)
    assert met.items() <= every.items()
    assert space.decode(met) == member
    first, *_ = (name for name in met)
    with pytest.raises(SpaceError, match="is missing; expected"):
        space.decode({name: value for name, value in met.items() if name != first})


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_sizes_are_those_counted_otherwise(pair):
    listed = list(pair.structural.enumerate())
    assert pair.structural.size == len(listed)
    whole = next(arch for arch in listed if arch.roi_levels[-1] == 4)
    assert pair.modular.around(whole).size == pair.modular.size


def test_sampling_is_even_over_members(small, structure):
    space, rng = small.around(structure), np.random.default_rng(0)
    drawn = Counter(space.decode(space.choices.sample(rng)) for _ in range(20 * space.size))
    assert len(drawn) == space.size
    # Chi-squared over 336 members: 335 degrees of freedom, five standard deviations.
    squared = sum((count - 20) ** 2 / 20 for count in drawn.values())
    assert squared == pytest.approx(335, abs=5 * (2 * 335) ** 0.5)


def test_names_have_one_range(small_pair):
    flat = JointSpace(small_pair).choices.flat
    assert len({choice.name for choice in flat}) == len(flat)
    with pytest.raises(SpaceError, match="'a': expected one range for a name; got a whole number"):
        ChoiceTree(Branch(IntegerChoice("a", 1, 2)), Branch(IntegerChoice("a", 1, 3)))


TREE = ChoiceTree(
    Branch(
        CategoricalChoice("kind", ("plain", "wide")), ((), (Branch(IntegerChoice("width", 2, 4)),))
    ),
    Branch(IntegerChoice("depth", 0, 1)),
)


def test_a_tree_by_hand():
    assert TREE.size == (1 + 3) * 2
    assert [choice.name for choice in TREE.flat] == ["kind", "width", "depth"]
    assert [TREE.order(values) for values in TREE.enumerate()] == [
        ["plain", 0],
        ["plain", 1],
        *(["wide", width, depth] for width in (2, 3, 4) for depth in (0, 1)),
    ]
    assert TREE.name(["wide", 3, 0]) == {"kind": "wide", "width": 3, "depth": 0}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"depth": 0}, "'kind': is missing; expected one of 'plain', 'wide'"),
        ({"kind": "plain", "depth": 2}, "'depth': expected a whole number from 0 to 1; got 2"),
        ({"kind": "plain", "depth": True}, "got True"),
        ({"kind": "plain", "depth": 1.0}, r"got 1\.0"),
        ({"kind": "wider", "depth": 0}, "expected one of 'plain', 'wide'; got 'wider'"),
        ({"kind": "plain", "dept": 0}, "'dept': unknown; did you mean 'depth'"),
    ],
)
def test_errors_say_what_is_allowed_and_what_came(values, message):
    with pytest.raises(SpaceError, match=message):
        TREE.order(values)


@pytest.mark.parametrize("ordered", [["plain"], ["plain", 0, 0], ["wide", 0]])
def test_values_in_order_must_be_as_many_as_are_met(ordered):
    with pytest.raises(SpaceError):
        TREE.name(ordered)


def test_what_is_no_member_has_no_assignment(space):
    foreign = DetectorArch.parse("640x64/timm:resnet26/fpn-p2-p3-24/rpn/rcnn")
    with pytest.raises(SpaceError, match="expected a member"):
        space.encode(foreign)
