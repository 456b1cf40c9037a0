"""The spaces that are closed over a table: what is proposed is a member of it, whoever proposes.

No replay is answered by a model: a proposal is answered with what its member measured, or fails as
that did.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product

import numpy as np
from table_members import HEADS, INPUTS, KEYS, KNOWN_CODES, NECKS, load_plan, make_member

from smnas.arch import DetectorArch
from smnas.errors import SpaceError
from smnas.space.choices import Branch, CategoricalChoice, ChoiceTree, IntegerChoice, Value, Values
from smnas.space.mutation import Moves
from smnas.space.neighbourhood import Neighbourhood
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace


class TableSpace:
    """All members as one space; what is one step away follows from `table_members`.

    Args:
        members: Of the plan, fully crossed: all of it, or some of its inputs, codes, necks, heads.

    Raises:
        SpaceError: They are not fully crossed, as where a table is not finished.
    """

    def __init__(self, members: Iterable[DetectorArch]) -> None:
        plan, known = load_plan(), set(members)
        met = [choice for arch, choice in _choices_of_all().items() if arch in known]
        if not met:
            raise SpaceError("expected members of the closed table; got none")
        self.inputs, self.codes, self.necks, self.heads = (
            tuple(dict.fromkeys(choices)) for choices in zip(*met, strict=True)
        )
        self._lists = (self.inputs, self.codes, self.necks, self.heads)
        crossed = set(product(*self._lists))
        self._choices_of = {a: own for a, own in _choices_of_all().items() if own in crossed}
        missing = len(self._choices_of.keys() - known)
        if missing:
            raise SpaceError(
                f"expected {len(self._choices_of)} members, every input with every code, neck and "
                f"head; {missing} of them are missing: train and time them first"
            )
        self._near, self._other = (
            {code: tuple(n for n in steps[code] if n in self.codes) for code in self.codes}
            for steps in (plan.neighbours, plan.of_other_kinds)
        )

    @cached_property
    def choices(self) -> ChoiceTree:
        """The tree: inputs in rising order as positions, all else as categories."""
        return ChoiceTree(
            Branch(IntegerChoice("input", 0, len(self.inputs) - 1)),
            Branch(CategoricalChoice("code", self.codes)),
            Branch(CategoricalChoice("neck", self.necks)),
            Branch(CategoricalChoice("head", self.heads)),
        )

    def contains(self, arch: DetectorArch) -> bool:
        """Return whether ``arch`` is a member."""
        return arch in self._choices_of

    def sample(self, rng: np.random.Generator) -> DetectorArch:
        """Return a member; all are equally likely."""
        size, code, neck, head = (choices[rng.integers(len(choices))] for choices in self._lists)
        return make_member(size, code, neck, head)

    def enumerate(self) -> Iterator[DetectorArch]:
        """Yield every member."""
        return iter(self._choices_of)

    def encode(self, arch: DetectorArch) -> dict[str, Value]:
        """Return the assignment of a member."""
        size, code, neck, head = self.find(arch)
        return self.choices.name([self.inputs.index(size), code, neck, head])

    def decode(self, values: Values) -> DetectorArch:
        """Return the member of an assignment."""
        size, code, neck, head = self.choices.order(values)
        return make_member(self.inputs[int(size)], str(code), str(neck), str(head))

    def moves(self, arch: DetectorArch) -> Moves:
        """Return the members one step away: one module exchanged, a code for a near one."""
        size, code, neck, head = self.find(arch)
        at = self.inputs.index(size)
        sizes = [self.inputs[i] for i in (at - 1, at + 1) if 0 <= i < len(self.inputs)]
        return {
            "input": tuple(make_member(other, code, neck, head) for other in sizes),
            "code": tuple(make_member(size, other, neck, head) for other in self._near[code]),
            "block": tuple(make_member(size, other, neck, head) for other in self._other[code]),
            "neck": tuple(make_member(size, code, n, head) for n in self.necks if n != neck),
            "head": tuple(make_member(size, code, neck, h) for h in self.heads if h != head),
        }

    def find(self, arch: DetectorArch) -> tuple[str, str, str, str]:
        """Return input, code, neck and head of a member."""
        if arch not in self._choices_of:
            raise SpaceError(f"expected a member of the table; got {arch}")
        return self._choices_of[arch]


@cache
def _choices_of_all() -> dict[DetectorArch, tuple[str, str, str, str]]:
    """Return input, code, neck and head of every member of the plan."""
    all_of_them = product(INPUTS, load_plan().codes, NECKS, HEADS)
    return {make_member(*choice): choice for choice in all_of_them}


@dataclass(frozen=True)
class TableModules:
    """What stands for stage two's space: the codes of its block kind around a structure."""

    space: TableSpace

    def contains(self, arch: DetectorArch) -> bool:
        """Return whether ``arch`` is a member."""
        return self.space.contains(arch)

    def enter(self, structure: DetectorArch) -> DetectorArch:
        """Return the structure: it is a member already."""
        return structure

    def around(self, structure: DetectorArch) -> Neighbourhood:
        """Return the members around a structure."""
        return Neighbourhood(self, structure)

    def sample(self, arch: DetectorArch, rng: np.random.Generator) -> DetectorArch:
        """Return a member; all are equally likely."""
        codes = self._codes(arch)
        return self.read(arch, [codes[rng.integers(len(codes))]])

    def moves(self, arch: DetectorArch) -> Moves:
        """Return the members with a near code."""
        return {"code": self.space.moves(arch)["code"]}

    def branches(self, structure: DetectorArch) -> tuple[Branch, ...]:
        """Return the one choice that there is."""
        return (Branch(CategoricalChoice("code", self._codes(structure))),)

    def tell(self, arch: DetectorArch) -> list[Value]:
        """Return the code of a member."""
        return [self.space.find(arch)[1]]

    def read(self, structure: DetectorArch, chosen: Sequence[Value]) -> DetectorArch:
        """Return the member with another code."""
        size, _, neck, head = self.space.find(structure)
        return make_member(size, str(chosen[0]), neck, head)

    def _codes(self, structure: DetectorArch) -> tuple[str, ...]:
        kind = self.space.find(structure)[1].partition("_")[0]
        return tuple(code for code in self.space.codes if code.startswith(f"{kind}_"))


def table_pair(space: TableSpace) -> SpacePair:
    """Return the table as two stages: structures with the known codes, then every code."""
    known = tuple(code for code in KNOWN_CODES if code in space.codes)
    structural = StructuralSpace(
        inputs=space.inputs, backbones=known, necks=space.necks, heads=space.heads, keys=KEYS
    )
    middle = (choices[len(choices) // 3] for choices in (space.inputs, known, space.necks))
    yardstick = make_member(*middle, space.heads[0])
    return SpacePair.model_construct(
        name="table", structural=structural, modular=TableModules(space), yardstick=yardstick
    )
