"""Literal choices: what fits, how many there are, one module at a time, and clear errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smnas.arch import DetectorArch
from smnas.errors import SpaceError
from smnas.space.structural import StructuralSpace

CHOICES = {
    "inputs": ("64x64", "96x64"),
    "backbones": ("resnet18", "basicblock_8_1-2-2-2"),
    "necks": ("none", "fpn-p2-p4-32", "fpn-p2-p6-32/extra=conv"),
    "heads": ("none/retina/convs=2", "rpn/rcnn/fc=64/proposals=50"),
    "keys": ("norm=gn-ws",),
}
MODULES = {
    "input": ("input",),
    "backbone": ("backbone",),
    "neck": ("neck",),
    "head": ("proposals", "head"),
}


@pytest.fixture(name="space", scope="module")
def fixture_space():
    return StructuralSpace(**CHOICES)


def test_members_are_what_their_texts_say(space):
    texts = [str(arch) for arch in space.enumerate()]
    assert texts[0] == "64x64/resnet18/none/rpn/rcnn/fc=64/norm=gn-ws/proposals=50"
    assert texts[-1] == (
        "96x64/basicblock_8_1-2-2-2/fpn-p2-p6-32/rpn/rcnn/extra=conv/fc=64/norm=gn-ws/proposals=50"
    )
    # Two inputs, two backbones, and five pairs: no retina without a pyramid.
    assert space.size == len(texts) == len(set(texts)) == 2 * 2 * 5


def test_sampling_is_even_over_members(space):
    rng = np.random.default_rng(0)
    drawn = [str(space.sample(rng)) for _ in range(4000)]
    counts = [drawn.count(text) for text in set(drawn)]
    assert len(counts) == space.size
    assert 140 < min(counts) <= max(counts) < 260


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_a_mutation_changes_exactly_the_module_it_names(micro, seed):
    rng = np.random.default_rng(seed)
    parent = micro.structural.sample(rng)
    child, operator = micro.structural.mutate(parent, rng)
    changed = {
        name for name in type(parent).model_fields if getattr(parent, name) != getattr(child, name)
    }
    assert changed
    assert changed <= set(MODULES[operator])
    assert micro.structural.contains(child)


def test_a_module_without_a_fitting_choice_is_not_offered(space):
    no_neck = DetectorArch.parse("64x64/resnet18/none/rpn/rcnn/fc=64/norm=gn-ws/proposals=50")
    assert list(space.moves(no_neck)) == ["input", "backbone", "neck"]
    retina = DetectorArch.parse("64x64/resnet18/fpn-p2-p4-32/none/retina/convs=2/norm=gn-ws")
    assert len(space.moves(retina)["neck"]) == 1


def test_backbones_that_are_the_same_without_a_neck_are_no_move():
    space = StructuralSpace(
        inputs=("64x64",),
        backbones=("basicblock_8_1-1-1-1", "basicblock_8_1-1-1-2"),
        necks=("none", "fpn-p2-p4-32"),
        heads=("rpn/rcnn",),
    )
    first = DetectorArch.parse("64x64/basicblock_8_1-1-1-1/none/rpn/rcnn")
    assert list(space.moves(first)) == ["neck"]


def test_a_space_of_one_has_no_move():
    space = StructuralSpace(
        inputs=("64x64",), backbones=("resnet18",), necks=("none",), heads=("rpn/rcnn",)
    )
    arch = space.sample(np.random.default_rng(0))
    assert space.moves(arch) == {}
    with pytest.raises(SpaceError, match="this one has none"):
        space.mutate(arch, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": ("64by64",)}, r"inputs.*expected WIDTHxHEIGHT"),
        ({"inputs": ()}, r"inputs.*at least 1"),
        ({"backbones": ("resnet19",)}, r"backbones.*did you mean 'resnet18'"),
        ({"necks": ("fpn-p2",)}, r"necks.*expected 'none' or fpn-pA-pB-WIDTH"),
        ({"heads": ("rpn",)}, r"heads"),
        ({"heads": ("none/rcnn",)}, r"heads.*needs proposals"),
        ({"heads": ("rpn/rcnn/fc=wide",)}, r"heads.*expected a value such as fc=1024"),
        ({"heads": ("rpn/rcnn/convs=2",)}, r"heads.*has no place"),
        ({"necks": ("fpn-p2-p4-32/fc=64",)}, r"'fc=64' does not belong to necks"),
        (
            {"heads": ("rpn/rcnn", "rpn/rcnn/fc=1024")},
            r"rpn/rcnn and rpn/rcnn/fc=1024 are the same",
        ),
        ({"keys": ("convs=2",)}, r"has no place"),
        ({"necks": ("none",)}, r"heads: none/retina/convs=2: fits no other choice"),
        ({"nekcs": ("none",)}, r"nekcs"),
    ],
)
def test_errors_name_the_list_and_the_cause(change, message):
    with pytest.raises(ValidationError, match="(?s)" + message):
        StructuralSpace(**{**CHOICES, **change})


def test_all_faults_are_shown_at_once():
    with pytest.raises(ValidationError) as error:
        StructuralSpace(**{**CHOICES, "inputs": ("1x1",), "backbones": ("resnet19",)})
    assert {item["loc"][0] for item in error.value.errors()} == {"inputs", "backbones"}


def test_it_survives_json(space):
    assert StructuralSpace.model_validate_json(space.model_dump_json()) == space


@given(count=st.integers(0, 12), seed=st.integers(0, 1000))
def test_spread_samples_are_members_and_leave_no_stretch_out(space, count, seed):
    found = space.sample_spread(count, np.random.default_rng(seed))
    assert len(found) == count
    assert all(space.contains(arch) for arch in found)
    for chosen in (
        [str(arch.input.width) for arch in found],
        [arch.backbone.kind for arch in found],
        [arch.head.kind for arch in found],
    ):
        shares = [chosen.count(choice) for choice in set(chosen)]
        assert len(shares) == min(2, count)
        assert max(shares, default=0) <= count // 2 + 1
