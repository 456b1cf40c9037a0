"""The members of the closed table: structures fully crossed with codes, by a seeded rule.

.venv/bin/python benchmarks/table_members.py

writes `table_members.json`, which is committed before the first member is trained. The table's own
operators follow from it: what is one step away inside the table is the same for every algorithm.
"""

from collections import deque
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from smnas.arch import DetectorArch
from smnas.arch.parts import CodedBackbone
from smnas.seeding import generator
from smnas.space.coding import as_built, with_code
from smnas.space.modular import ModularSpace
from smnas.space.mutation import CODE_OPERATORS, pick_move, step

PATH = Path(__file__).with_name("table_members.json")
INPUTS = ("48x48", "64x64", "96x96", "128x128")
NECKS = ("fpn-p2-p4-32", "fpn-p2-p5-64", "fpn-p3-p4-48")
HEADS = (
    # Those of the micro space, the second one with a quarter of its work for each region.
    "none/retina/anchor-scale=3/convs=2/pre-nms=300",
    "rpn/rcnn/fc=128/roi=5/proposals=100/rpn-anchor-octaves=2/rpn-anchor-scale=4/rpn-pre-nms=300",
)
KEYS = ("norm=gn",)
KNOWN_CODES = (
    # The backbones of the micro space's stage one.
    "basicblock_8_1-2-2-2",
    "basicblock_16_1-2-21-21",
    "basicblock_16_11-21-21-21",
    "basicblock_24_2-11-211-21",
    "basicblock_32_1-21-21-21",
    "bottleneck_8_1-21-211-21",
    "bottleneck_16_1-21-211-21",
)
DRAWN = {"basicblock": 3, "bottleneck": 2}
"""How many further codes of each kind are drawn; they are found in stage two only."""
MODULES = ModularSpace(
    bases=(8, 12, 16, 24, 32), neck_widths=(32, 48, 64), min_blocks=4, max_blocks=9, norm="gn"
)
STEPS = 3
"""Operators between a code and the one that it was made from."""
NEIGHBOURS = 3
"""Codes of the same kind that a code has at least as neighbours: the nearest ones."""


def main() -> None:
    """Write the members, unless others were written before."""
    drawn = draw_plan()
    if PATH.exists():
        same = load_plan() == drawn
        print(
            f"{PATH.name}: {'unchanged' if same else 'DIFFERENT from the rule; the file is kept'}"
        )
        return
    PATH.write_text(drawn.model_dump_json(indent=1) + "\n")
    print(f"{PATH.name}: {len(drawn.members)} members written")


class TablePlan(BaseModel):
    """What the table holds, and which of its codes are one step apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codes: tuple[str, ...]
    neighbours: dict[str, tuple[str, ...]]
    """Of the same block kind."""
    of_other_kinds: dict[str, tuple[str, ...]]
    """The nearest one of each other block kind."""
    members: tuple[str, ...]


@cache
def load_plan() -> TablePlan:
    """Return what was committed before the first member was trained."""
    return TablePlan.model_validate_json(PATH.read_bytes())


def draw_plan() -> TablePlan:
    """Return what the seeded rule gives; it takes a minute."""
    codes = draw_codes()
    return TablePlan(
        codes=codes,
        neighbours=neighbours(codes),
        of_other_kinds=nearest_of_other_kinds(codes),
        members=tuple(map(str, draw_members())),
    )


def draw_members() -> Iterator[DetectorArch]:
    """Yield every member: each structure with each code."""
    codes = draw_codes()
    for size, neck, head in product(INPUTS, NECKS, HEADS):
        for code in codes:
            yield make_member(size, code, neck, head)


def make_member(size: str, code: str, neck: str, head: str) -> DetectorArch:
    """Return the member that these choices make."""
    proposals, kind, *own = head.split("/")
    return DetectorArch.parse("/".join([size, code, neck, proposals, kind, *own, *KEYS]))


@cache
def draw_codes() -> tuple[str, ...]:
    """Return the known codes, and others that some operators lead to from one of those before.

    No two are the same network.
    """
    codes = list(KNOWN_CODES)
    for kind, count in DRAWN.items():
        rng = generator(0, "table", kind)
        members = [
            make_member(INPUTS[0], code, NECKS[0], HEADS[0])
            for code in codes
            if code.startswith(kind)
        ]
        networks = set(map(as_built, members))
        wanted = len(members) + count
        while len(members) < wanted:
            child = members[rng.integers(len(members))]
            for _ in range(STEPS):
                moves = MODULES.moves(child)
                child, _ = pick_move({k: v for k, v in moves.items() if k != "step-neck"}, rng)
            if as_built(child) not in networks:
                networks.add(as_built(child))
                members.append(child)
        codes += [str(arch).split("/")[1] for arch in members[-count:]]
    return tuple(codes)


def neighbours(codes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return for each code those one step away in the table.

    These are the nearest ``NEIGHBOURS`` of its kind, counted in operators, and all that it is a
    nearest one of: a way back is always there.
    """
    parts = [_part(code) for code in codes]
    pairs: set[tuple[int, int]] = set()
    for at, own in enumerate(parts):
        far = distances(own)
        others = [i for i, other in enumerate(parts) if i != at and other.block == own.block]
        others.sort(key=lambda i: (far[parts[i].base, parts[i].code], i))
        for other in others[:NEIGHBOURS]:
            pairs |= {(at, other), (other, at)}
    return {
        code: tuple(codes[b] for a, b in sorted(pairs) if a == at) for at, code in enumerate(codes)
    }


def nearest_of_other_kinds(codes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return for each code the nearest one of each other block kind, as if the kinds were one."""
    parts = [_part(code) for code in codes]
    found: dict[str, tuple[str, ...]] = {}
    for code, own in zip(codes, parts, strict=True):
        far = distances(own)
        kinds = dict.fromkeys(part.block for part in parts if part.block != own.block)
        found[code] = tuple(
            min(
                (codes[i] for i, part in enumerate(parts) if part.block == kind),
                key=lambda other: (far[_part(other).base, _part(other).code], codes.index(other)),
            )
            for kind in kinds
        )
    return found


@cache
def distances(start: CodedBackbone) -> dict[tuple[int, str], int]:
    """Return how many operators each base and code is away from ``start``, over all of them."""
    reached = {(start.base, start.code): 0}
    edge = deque(reached)
    while edge:
        base, code = here = edge.popleft()
        codes = [child for operator in CODE_OPERATORS.values() for child in operator(code)]
        fit = [(base, child) for child in codes if MODULES.holds_code(child)]
        for there in [*fit, *((other, code) for other in step(base, MODULES.bases))]:
            if there not in reached:
                reached[there] = reached[here] + 1
                edge.append(there)
    return reached


def _part(code: str) -> CodedBackbone:
    backbone = make_member(INPUTS[0], code, NECKS[0], HEADS[0]).backbone
    if not isinstance(backbone, CodedBackbone):
        raise TypeError(f"expected a backbone by code; got {code!r}")
    return with_code(backbone)


def draw_spread(count: int, seed: int = 0) -> list[str]:
    """Return members that spread over inputs, codes, necks and heads: a Latin hypercube."""
    rng = generator(seed, "table", "spread")
    lists = (INPUTS, load_plan().codes, NECKS, HEADS)
    places = [
        ((rng.permutation(count) + rng.random(count)) * len(choices) / count).astype(np.int64)
        for choices in lists
    ]
    dealt = [[choices[i] for i in at] for choices, at in zip(lists, places, strict=True)]
    return [str(make_member(*choice)) for choice in zip(*dealt, strict=True)]


if __name__ == "__main__":
    main()
