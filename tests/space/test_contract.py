"""The contract of every ``SearchSpace``: members only, moves only, a list that is complete."""

from itertools import islice

import numpy as np
import pytest

from smnas.arch import DetectorArch
from smnas.arch.parts import BLOCKS
from smnas.errors import SpaceError
from smnas.space.coding import as_built
from smnas.space.joint import JointSpace
from smnas.space.modular import ModularSpace
from smnas.space.mutation import pick_move

NAMES = (
    "micro-structural",
    "paper-structural",
    "micro-modular",
    "paper-modular",
    "small-modular",
    "small-modular-without-neck",
    "micro-joint",
    "paper-joint",
    "small-joint",
)


@pytest.fixture(name="space", params=NAMES)
def fixture_space(request, micro, paper, small, small_pair, structure):
    no_neck = structure.replace(neck=DetectorArch.parse("64x64/resnet18/none/rpn/rcnn").neck)
    return {
        "micro-structural": micro.structural,
        "paper-structural": paper.structural,
        "micro-modular": micro.modular.around(next(micro.structural.enumerate())),
        "paper-modular": paper.modular.around(next(paper.structural.enumerate())),
        "small-modular": small.around(structure),
        "small-modular-without-neck": small.around(no_neck),
        "micro-joint": JointSpace(micro),
        "paper-joint": JointSpace(paper),
        "small-joint": JointSpace(small_pair),
    }[request.param]


def test_samples_are_members_and_vary(space):
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(40)]
    assert all(map(space.contains, drawn))
    assert len(set(drawn)) > 10


def test_sampling_is_the_generators(space):
    one, other = (space.sample(np.random.default_rng(3)) for _ in range(2))
    assert one == other


def test_moves_stay_in_the_space_and_change_what_is_built(space):
    rng = np.random.default_rng(1)
    for _ in range(30):
        parent = space.sample(rng)
        moves = space.moves(parent)
        for operator, children in moves.items():
            assert children, operator
            assert len(set(children)) == len(children)
            assert all(map(space.contains, children))
            assert as_built(parent) not in {as_built(child) for child in children}


def test_a_walk_never_leaves_and_never_stands_still(space):
    rng = np.random.default_rng(2)
    arch = space.sample(rng)
    for _ in range(40):
        child, operator = pick_move(space.moves(arch), rng)
        assert operator in space.moves(arch)
        assert space.contains(child)
        assert as_built(child) != as_built(arch)
        arch = child


def test_the_list_has_members_only_and_each_once(space):
    listed = list(islice(space.enumerate(), 3000))
    assert len(set(listed)) == len(listed)
    assert all(map(space.contains, listed))
    assert list(islice(space.enumerate(), 20)) == listed[:20]


def test_foreign_archs_are_no_members(space):
    foreign = DetectorArch.parse("640x64/timm:resnet26/fpn-p2-p3-24/rpn/rcnn")
    assert not space.contains(foreign)
    with pytest.raises(SpaceError, match="expected a member"):
        space.moves(foreign)
    member = next(space.enumerate())
    other_norm = "bn" if member.norm == "gn-ws" else "gn-ws"
    assert not space.contains(member.replace(norm=other_norm))


def _reached(space, start):
    seen, edge = {start}, [start]
    while edge:
        children = [arch for found in space.moves(edge.pop()).values() for arch in found]
        edge += [arch for arch in dict.fromkeys(children) if arch not in seen]
        seen.update(children)
    return seen


@pytest.mark.parametrize(
    "space",
    ["micro-structural", "small-modular", "small-modular-without-neck", "small-joint"],
    indirect=True,
)
def test_every_network_can_be_reached_from_every_other(space):
    """By exhaustion, in the spaces that are small enough."""
    listed = list(space.enumerate())
    seen = _reached(space, listed[0])
    assert {as_built(arch) for arch in seen} == {as_built(arch) for arch in listed}


@pytest.mark.parametrize("block", BLOCKS)
def test_the_operators_reach_every_code_of_the_papers_limits_up_to_8_blocks(paper, block):
    """Three doublings, 5 to 8 blocks, no empty stage: 2,900 codes, each block kind."""
    plain = {**paper.modular.model_dump(), "max_blocks": 8, "bases": (48,), "neck_widths": (128,)}
    space = ModularSpace.model_validate(plain)
    around = space.around(
        DetectorArch.parse(f"512x512/{block}_48_1-2-2-21/fpn-p2-p5-128/rpn/rcnn/norm=gn-ws")
    )
    seen = _reached(around, around.entry)
    assert len(seen) == space.num_codes == 2900
    assert seen == set(around.enumerate())
