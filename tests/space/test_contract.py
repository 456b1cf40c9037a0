"""The contract of every ``SearchSpace``: members only, moves only, a list that is complete."""

from itertools import islice

import numpy as np
import pytest

from smnas.arch import DetectorArch
from smnas.errors import SpaceError
from smnas.space.coding import as_built
from smnas.space.mutation import pick_move

NAMES = (
    "micro-structural",
    "paper-structural",
    "micro-modular",
    "paper-modular",
    "small-modular",
    "small-modular-without-neck",
)


@pytest.fixture(name="space", params=NAMES)
def fixture_space(request, micro, paper, small, structure):
    no_neck = structure.replace(neck=DetectorArch.parse("64x64/resnet18/none/rpn/rcnn").neck)
    return {
        "micro-structural": micro.structural,
        "paper-structural": paper.structural,
        "micro-modular": micro.modular.around(next(micro.structural.enumerate())),
        "paper-modular": paper.modular.around(next(paper.structural.enumerate())),
        "small-modular": small.around(structure),
        "small-modular-without-neck": small.around(no_neck),
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


@pytest.mark.parametrize(
    "space", ["micro-structural", "small-modular", "small-modular-without-neck"], indirect=True
)
def test_every_network_can_be_reached_from_every_other(space):
    """By exhaustion, in the spaces that are small enough."""
    listed = list(space.enumerate())
    seen, edge = {listed[0]}, [listed[0]]
    while edge:
        children = [arch for found in space.moves(edge.pop()).values() for arch in found]
        edge += [arch for arch in children if arch not in seen]
        seen.update(children)
    assert {as_built(arch) for arch in seen} == {as_built(arch) for arch in listed}
