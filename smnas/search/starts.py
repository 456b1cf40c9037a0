"""What stage one begins with, before anything is known."""

from collections.abc import Sequence
from math import log

import numpy as np

from smnas.arch import DetectorArch
from smnas.arch.known import KNOWN_DETECTORS
from smnas.search.features import approximate_macs_g
from smnas.search.settings import SearchSettings
from smnas.seeding import generator
from smnas.space.coding import as_built
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace

_DRAWN_PER_START = 40
_NEAREST = 8
"""Of so many near a mark the one is taken that differs in most modules from those before."""


def draw_starts(spaces: SpacePair, settings: SearchSettings) -> list[DetectorArch]:
    """Return the structures that a search begins with."""
    rng = generator(settings.seed, "starts")
    return choose_starts(spaces.structural, settings.seeds, settings.parts.start, rng)


def choose_starts(
    space: StructuralSpace, count: int, how: str, rng: np.random.Generator
) -> list[DetectorArch]:
    """Return ``count`` members: ``stratified``, ``spread``, or ``random`` (see ``SearchParts``)."""
    if how == "random":
        return [space.sample(rng) for _ in range(count)]
    if how == "spread":
        return space.sample_spread(count, rng)
    return _stratify(space, count, rng)


def _stratify(space: StructuralSpace, count: int, rng: np.random.Generator) -> list[DetectorArch]:
    """Return members spread over log multiply-adds, families of heads by turns; known ones first.

    Known detectors that are members have up to half of the places. The lowest mark goes to a
    detector of one stage, where there is one: with few multiply-adds it is the proposals that take
    the time, and the fast end of the front would be missing.
    """
    known = [DetectorArch.parse(text) for text in KNOWN_DETECTORS.values()]
    chosen = [arch for arch in known if space.contains(arch)][: count // 2]
    drawn = {
        as_built(arch): arch
        for arch in (space.sample(rng) for _ in range(_DRAWN_PER_START * count))
    }
    built = set(map(as_built, chosen))
    pool = [arch for network, arch in drawn.items() if network not in built]
    places = [log(approximate_macs_g(arch)) for arch in pool]
    families = sorted({arch.head.kind for arch in pool})
    turns = [families[at] for at in rng.permutation(len(families))]
    marks = rng.permutation(np.linspace(min(places), max(places), max(count - len(chosen), 1)))
    one_stage = {arch.head.kind for arch in pool if arch.proposals.kind == "none"}
    first = next((turn for turn in range(len(marks)) if turns[turn % len(turns)] in one_stage), 0)
    lowest = int(marks.argmin())
    marks[[first, lowest]] = marks[[lowest, first]]
    for turn, mark in enumerate(marks[: count - len(chosen)]):
        wanted, taken = turns[turn % len(turns)], set(chosen)  # a list would be compared in full
        free = [
            at for at, arch in enumerate(pool) if arch.head.kind == wanted and arch not in taken
        ] or list(range(len(pool)))
        free.sort(key=lambda at: (abs(places[at] - mark), at))
        near = [pool[at] for at in free[:_NEAREST]]
        chosen.append(max(near, key=lambda arch: _unlikeness(arch, chosen)))
    return chosen


def _unlikeness(arch: DetectorArch, others: Sequence[DetectorArch]) -> float:
    """Return in how many modules ``arch`` differs from the others, on average."""
    modules = ("input", "backbone", "neck")
    differ = [getattr(arch, name) != getattr(other, name) for other in others for name in modules]
    return sum(differ) / max(len(others), 1)
