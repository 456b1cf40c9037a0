"""Which blocks and whole detectors a search needs the times of, on a device that is not here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from math import log

import numpy as np
import torch

from smnas.arch import DetectorArch
from smnas.measure.blocks import parts
from smnas.measure.blocks.build import build_block
from smnas.measure.blocks.parts import Block, Size
from smnas.measure.blocks.plan import plan_blocks
from smnas.measure.blocks.prediction import family_of
from smnas.measure.blocks.work import what_is_alike
from smnas.search.features import approximate_macs_g
from smnas.search.finals import final_archs
from smnas.search.settings import SearchSettings
from smnas.seeding import generator
from smnas.space.pair import SpacePair

DETECTORS = 12
"""Whole ones: sums of blocks are calibrated by them, and each is predicted by the others."""
LISTED = 2000
"""Structures up to which all of a space are looked at; of more, so many are drawn."""
DRAWN = 4000
"""Members of stage two that are drawn, around all of these structures in turn."""
_WEIGHTLESS = (parts.Fitting, parts.Pool, parts.Dense, parts.Align, parts.Detections)


@dataclass
class Chosen:
    """What is to be timed, and what it covers.

    Attributes:
        blocks: By key.
        detectors: Whole ones, in the form that ships.
        mib: Of the weights of the blocks.
        seen: Structures of stage one, and members of stage two, that were looked at.
        covered: Those of them all of whose blocks are among ``blocks``.
        listed: Whether all structures were looked at, and not a sample.
    """

    listed: bool
    blocks: dict[str, Block] = field(default_factory=dict[str, Block])
    detectors: list[DetectorArch] = field(default_factory=list[DetectorArch])
    mib: float = 0.0
    seen: list[int] = field(default_factory=lambda: [0, 0])
    covered: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was chosen, in words."""
        one, two = self.seen
        which = f"all {one}" if self.listed else f"{one} structures drawn"
        return (
            f"{len(self.blocks)} blocks ({self.mib:.0f} MiB of weights) and "
            f"{len(self.detectors)} whole detectors",
            f"Stage one: of {which} {self.covered[0]} have all their blocks among these.",
            f"Stage two has too many codes to list: of {two} drawn {self.covered[1]} have all "
            "their blocks among these; times of others are estimated from blocks alike, with a "
            "wider interval.",
        )


def choose_blocks(
    spaces: SpacePair,
    settings: SearchSettings,
    classes: int,
    picture: Size,
    most_blocks: int,
    most_mib: float,
) -> Chosen:
    """Return what a search in ``spaces`` needs, up to a limit.

    First come the detectors that calibrate, yardsticks among them, then the blocks of all whose
    time no others tell, then all blocks of the structures of stage one, then of a sample of stage
    two. What does not fit is left out, detector by detector.

    Args:
        spaces: Where it looks.
        settings: Its seed, and the norms that ship.
        classes: K, the data's categories.
        picture: Rows and columns of the pictures.
        most_blocks: Files of blocks at most.
        most_mib: Of all of them, at most.
    """
    structures, is_whole = _structures(spaces, settings.seed)
    chosen = Chosen(is_whole)

    def take(arch: DetectorArch, every: bool = True) -> bool:
        blocks = (
            b for form in final_archs(arch, settings) for b in plan_blocks(form, classes, picture)
        )
        needed = {b.key: b for b in blocks if every or what_is_alike(b) is None}
        new = {key: block for key, block in needed.items() if key not in chosen.blocks}
        if len(chosen.blocks) + len(new) > most_blocks:
            return False
        mib = chosen.mib + sum(map(weights_mib, new.values()))
        if mib > most_mib:
            return False
        chosen.blocks |= new
        chosen.mib = mib
        return True

    def shipped(archs: Iterable[DetectorArch]) -> list[DetectorArch]:
        return [final_archs(arch, settings)[0] for arch in archs]

    for arch in _spanning(shipped(spaces.yardsticks), shipped(structures)):
        if take(arch):
            chosen.detectors.append(arch)
    drawn = list(_drawn(spaces, structures, settings.seed))
    for arch in (*structures, *drawn):
        take(arch, every=False)
    for place, archs in enumerate((structures, drawn)):
        for arch in archs:
            chosen.seen[place] += 1
            chosen.covered[place] += take(arch)
    return chosen


@cache
def weights_mib(block: Block) -> float:
    """Return about what the file of a block takes."""
    if isinstance(block, _WEIGHTLESS):
        return 0.0
    with torch.device("meta"):  # shapes alone
        module, _ = build_block(block)
    return 4 * sum(item.numel() for item in module.parameters()) / 2**20


def _structures(spaces: SpacePair, seed: int) -> tuple[list[DetectorArch], bool]:
    if spaces.structural.size <= LISTED:
        return list(spaces.structural.enumerate()), True
    rng = generator(seed, "blocks of stage one")
    return [spaces.structural.sample(rng) for _ in range(LISTED)], False


def _drawn(spaces: SpacePair, structures: list[DetectorArch], seed: int) -> Iterator[DetectorArch]:
    """Yield members of stage two, around each structure as often as around any other."""
    rng = generator(seed, "blocks of stage two")
    order = rng.permutation(len(structures))
    for turn in range(DRAWN):
        structure = structures[order[turn % len(order)]]
        yield spaces.modular.sample(spaces.modular.enter(structure), rng)


def _spanning(yardsticks: list[DetectorArch], pool: list[DetectorArch]) -> list[DetectorArch]:
    """Return the yardsticks, and structures evenly along multiply-adds, of each family alike."""
    chosen = list(dict.fromkeys(yardsticks))[: DETECTORS // 2]
    families = sorted({family_of(arch) for arch in (*chosen, *pool)})
    for place, family in enumerate(families):
        share = DETECTORS // len(families) + (place < DETECTORS % len(families))
        wanted = share - sum(family_of(arch) == family for arch in chosen)
        rest = [arch for arch in dict.fromkeys(pool) if family_of(arch) == family]
        rest = [arch for arch in rest if arch not in chosen]
        costs = np.array([log(approximate_macs_g(arch)) for arch in rest])
        for mark in np.linspace(costs.min(), costs.max(), wanted) if rest else ():
            chosen.append(rest.pop(at := int(np.abs(costs - mark).argmin())))
            costs = np.delete(costs, at)
            if not rest:
                break
    return chosen
