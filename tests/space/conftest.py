"""Spaces small and large."""

import pytest

from smnas.arch import DetectorArch
from smnas.space.known import known_space
from smnas.space.modular import ModularSpace
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace


@pytest.fixture(name="micro", scope="session")
def fixture_micro() -> SpacePair:
    return known_space("micro")


@pytest.fixture(name="paper", scope="session")
def fixture_paper() -> SpacePair:
    return known_space("paper")


@pytest.fixture(name="small", scope="session")
def fixture_small() -> ModularSpace:
    """Small enough to be listed: 4 to 6 blocks, two base widths, two neck widths."""
    return ModularSpace(
        bases=(8, 12), neck_widths=(16, 32), min_blocks=4, max_blocks=6, doublings=1
    )


@pytest.fixture(name="structure", scope="session")
def fixture_structure() -> DetectorArch:
    return DetectorArch.parse("64x64/basicblock_8_1-1-1-2/fpn-p2-p5-16/rpn/rcnn/fc=64/norm=gn-ws")


@pytest.fixture(name="small_pair", scope="session")
def fixture_small_pair() -> SpacePair:
    """Two stages small enough to be listed together; the groups that are built differ by neck."""
    return SpacePair(
        name="small",
        structural=StructuralSpace(
            inputs=("64x64", "96x64"),
            backbones=("basicblock_8_1-1-1-2", "bottleneck_8_1-2-1-1", "basicblock_12_1-1-1-21"),
            necks=("none", "fpn-p2-p4-16", "fpn-p2-p4-32", "fpn-p1-p2-16"),
            heads=("none/retina", "rpn/rcnn/fc=64"),
            keys=("norm=gn-ws",),
        ),
        modular=ModularSpace(
            bases=(8,), neck_widths=(16, 32), min_blocks=4, max_blocks=5, doublings=1
        ),
        yardstick=DetectorArch.parse("retinanet-r18-quarter"),
    )
