"""What a search needs the times of, from a space small enough to be listed."""

import pytest

from smnas.experiment import block_choice
from smnas.experiment.block_choice import DETECTORS, choose_blocks, weights_mib
from smnas.measure.blocks import parts
from smnas.measure.blocks.plan import plan_blocks
from smnas.measure.blocks.prediction import family_of
from smnas.measure.blocks.work import what_is_alike
from smnas.search import SearchSettings
from smnas.space.modular import ModularSpace
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace
from smnas.trial.budget import Budget

CLASSES, PICTURE = 2, (60, 80)
SETTINGS = SearchSettings(
    trials=8, groups=1, finals=1, stage_one=Budget(epochs=1), stage_two=Budget(epochs=1),
    final=Budget(epochs=2), seed=5,
)  # fmt: skip
SPACES = SpacePair.model_validate(
    {
        "name": "small",
        "structural": StructuralSpace(
            inputs=("64x64", "96x64"),
            backbones=("basicblock_8_1-2-2-2", "basicblock_16_1-2-2-2"),
            necks=("fpn-p2-p4-16", "fpn-p2-p3-16"),
            heads=("none/retina/convs=1", "rpn/rcnn/fc=16/proposals=20"),
            keys=("norm=gn-ws",),
        ),
        "modular": ModularSpace(bases=(8, 16), neck_widths=(16, 24), min_blocks=4, max_blocks=6),
        "yardstick": "64x64/basicblock_8_1-1-1-1/fpn-p2-p4-8/rpn/rcnn/fc=16/norm=gn-ws",
    }
)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(block_choice, "DRAWN", 60)


def choose(most_blocks=10_000, most_mib=1000.0, settings=SETTINGS):
    return choose_blocks(SPACES, settings, CLASSES, PICTURE, most_blocks, most_mib)


def keys_of(arch):
    return {block.key for block in plan_blocks(arch, CLASSES, PICTURE)}


def test_every_structure_has_all_its_blocks_and_so_have_the_yardsticks():
    chosen = choose()
    for arch in (*SPACES.structural.enumerate(), *SPACES.yardsticks):
        assert keys_of(arch.deployed) <= chosen.blocks.keys()
    assert (chosen.seen, chosen.covered, chosen.listed) == ([16, 60], [16, 60], True)
    assert chosen.mib == pytest.approx(sum(map(weights_mib, chosen.blocks.values())))
    assert "all 16" in chosen.sentences[1]


def test_the_same_seed_chooses_the_same_and_stage_two_is_among_it():
    assert list(choose().blocks) == list(choose().blocks)
    other = choose(settings=SETTINGS.model_copy(update={"seed": 6}))
    assert other.blocks.keys() != choose().blocks.keys()
    widths = {b.width for b in choose().blocks.values() if isinstance(b, parts.Merge)}
    assert {16, 24} <= widths


def test_whole_detectors_are_of_both_families_and_span_the_space():
    detectors = choose().detectors
    assert len(detectors) == len(set(detectors)) == DETECTORS
    families = [family_of(arch) for arch in detectors]
    assert families.count("one-stage") == families.count("two-stage") == DETECTORS // 2
    assert SPACES.yardstick.deployed in detectors
    assert {arch.input.width for arch in detectors} == {64, 96}
    assert all(arch.norm == "bn" for arch in detectors)


def test_a_norm_that_ships_has_blocks_of_its_own():
    both = choose(settings=SETTINGS.model_copy(update={"final_norms": ("gn", "bn")}))
    for arch in SPACES.structural.enumerate():
        assert keys_of(arch.deployed) | keys_of(arch.replace(norm="gn")) <= both.blocks.keys()
    assert all(arch.norm == "gn" for arch in both.detectors)
    assert {getattr(block, "norm", "bn") for block in choose().blocks.values()} == {"bn"}


def test_a_limit_is_kept_and_what_no_others_tell_comes_first():
    whole = choose()
    tight, chosen = choose(most_blocks=85), choose(most_blocks=120)
    assert 60 < len(tight.blocks) <= 85
    assert tight.covered[0] < 16
    assert 85 < len(chosen.blocks) <= 120 < len(whole.blocks)
    alone = {key for key, block in whole.blocks.items() if what_is_alike(block) is None}
    assert alone <= chosen.blocks.keys()
    assert chosen.covered[1] < 60
    for few in (tight, chosen):
        assert all(keys_of(arch) <= few.blocks.keys() for arch in few.detectors)
    light = choose(most_mib=whole.mib / 2)
    assert 0 < light.mib <= whole.mib / 2
    assert choose(most_blocks=3).detectors == []


def test_the_weights_of_a_block_are_those_of_its_file():
    conv = parts.Conv(64, 128, 3, 1, "bn", (8, 8))
    assert weights_mib(conv) == pytest.approx(4 * (64 * 128 * 9 + 128) / 2**20, rel=0.01)
    assert weights_mib(parts.Pool(64, (8, 8))) == 0.0
