"""Both stages as one space: every module around every structure, for a search that has one stage.

It is what two stages are compared with at equal cost. Its members are those of stage two around any
structure; backbones by name stand in it as their codes.
"""

from collections.abc import Iterator

import numpy as np

from smnas.arch import DetectorArch
from smnas.arch.parts import FpnNeck, Neck
from smnas.errors import ArchError, SpaceError
from smnas.space.choices import Branch, CategoricalChoice, ChoiceTree, Value, Values
from smnas.space.coding import as_built, code_backbone, split_code, with_code, with_width
from smnas.space.mutation import Moves
from smnas.space.pair import SpacePair


class JointSpace:
    """The union of the modular neighbourhoods of all structures; a ``SearchSpace``.

    A member is told by its input, the levels of its neck, its proposals and head, its block kind
    (with the groups of its code that are not built), and by what stage two chooses.
    """

    def __init__(self, pair: SpacePair) -> None:
        """Take the spaces of the two stages."""
        self._structural, self._modular = pair.structural, pair.modular
        self._necks: dict[Neck, str] = {}
        """The first neck of the structural space with the same levels, by neck of one width."""
        for text, neck in zip(pair.structural.necks, pair.structural.neck_parts, strict=True):
            self._necks.setdefault(_levels(neck), text)
        self._structures = {neck: self._find_structures(neck) for neck in self._necks.values()}
        """For each neck a structure of every block kind."""
        self._pairs = [
            (neck, head)
            for neck in self._structures
            for head in self._structural.head_branches(neck)[0].choice.options
        ]
        """Every neck with every head that goes with it."""
        below = tuple(
            (*self._structural.head_branches(neck), self._block_branch(neck))
            for neck in self._structures
        )
        self.choices = ChoiceTree(
            Branch(CategoricalChoice("input", self._structural.inputs)),
            Branch(CategoricalChoice("neck", tuple(self._structures)), below),
        )
        """The tree: as many assignments as members (see ``ChoiceSpace``)."""

    @property
    def size(self) -> int:
        """Number of members."""
        return self.choices.size

    def contains(self, arch: DetectorArch) -> bool:
        """Return whether ``arch`` is a member."""
        return self._structure_of(arch) is not None

    def sample(self, rng: np.random.Generator) -> DetectorArch:
        """Return a member: its structure drawn evenly, then its modules as stage two draws them.

        Were all members equally likely, nearly all would have the most blocks.
        """
        neck, head = self._pairs[rng.integers(len(self._pairs))]
        kinds = list(self._structures[neck].values())
        structure = self._with(
            kinds[rng.integers(len(kinds))],
            self._structural.inputs[rng.integers(len(self._structural.inputs))],
            head,
        )
        return self._modular.sample(self._modular.enter(structure), rng)

    def enumerate(self) -> Iterator[DetectorArch]:
        """Yield every member once, always in the same order."""
        return map(self.decode, self.choices.enumerate())

    def encode(self, arch: DetectorArch) -> dict[str, Value]:
        """Return the one assignment of a member (see ``ChoiceSpace.encode``)."""
        size, _, neck, head = self._structural.encode(self._required_structure(arch)).values()
        return self.choices.name([size, neck, head, _kind(arch), *self._modular.tell(arch)])

    def decode(self, values: Values) -> DetectorArch:
        """Return the member of an assignment (see ``ChoiceSpace.decode``)."""
        size, neck, head, kind, *told = self.choices.order(values)
        structure = self._with(self._structures[str(neck)][str(kind)], str(size), head)
        return self._modular.read(self._modular.enter(structure), told)

    def moves(self, arch: DetectorArch) -> Moves:
        """Return the members one operator away: those of stage two, or another part of stage one.

        Raises:
            SpaceError: ``arch`` is not a member.
        """
        structure = self._required_structure(arch)
        moves = dict(self._modular.moves(arch))
        for operator in ("input", "head"):
            found = self._structural.moves(structure).get(operator, ())
            moves[operator] = tuple(
                arch.replace(input=other.input, proposals=other.proposals, head=other.head)
                for other in found
            )
        here, block = self._necks[_levels(arch.neck)], code_backbone(arch.backbone).block
        others: dict[str, list[DetectorArch]] = {"neck": [], "block": []}
        for neck, structures in self._structures.items():
            for other in structures.values():
                same_block = code_backbone(other.backbone).block == block
                if (neck == here) != same_block:
                    others["block" if neck == here else "neck"] += self._graft(arch, other)
        moves |= {operator: tuple(found) for operator, found in others.items()}
        return {operator: found for operator, found in moves.items() if found}

    def _graft(self, arch: DetectorArch, structure: DetectorArch) -> list[DetectorArch]:
        """Return ``arch`` with neck and block of a structure, if that is another member."""
        coded, own = code_backbone(arch.backbone), code_backbone(structure.backbone)
        built = "-".join(coded.code.split("-")[: structure.roi_levels[-1]])
        code = built + split_code(structure)[1]
        neck = structure.neck
        if isinstance(arch.neck, FpnNeck):
            neck = with_width(neck, arch.neck.width)
        try:
            backbone = with_code(own, base=coded.base, code=code)
            child = arch.replace(neck=neck, backbone=backbone)
        except ArchError:  # The head does not go with the neck.
            return []
        different = as_built(child) != as_built(arch)
        return [child] if different and self.contains(child) else []

    def _find_structures(self, neck: str) -> dict[str, DetectorArch]:
        """Return structures with ``neck`` as they enter stage two, the first of each kind."""
        (heads,) = self._structural.head_branches(neck)
        found: dict[str, DetectorArch] = {}
        for backbone in self._structural.backbones:
            head, size = heads.choice.options[0], self._structural.inputs[0]
            structure = self._structural.decode(
                {"input": size, "backbone": backbone, "neck": neck, heads.choice.name: head}
            )
            found.setdefault(_kind(structure), structure)
        return found

    def _with(self, structure: DetectorArch, size: str, head: str | int) -> DetectorArch:
        """Return ``structure`` with another input and head."""
        chosen = self._structural.encode(structure)
        *_, head_name = chosen
        return self._structural.decode({**chosen, "input": size, head_name: head})

    def _block_branch(self, neck: str) -> Branch:
        structures = self._structures[neck]
        top = next(iter(structures.values())).roi_levels[-1]
        entered = map(self._modular.enter, structures.values())
        below = tuple(self._modular.branches(structure) for structure in entered)
        return Branch(CategoricalChoice(f"block-up-to-p{top}", tuple(structures)), below)

    def _structure_of(self, arch: DetectorArch) -> DetectorArch | None:
        """Return the structure that ``arch`` is a member around, or None."""
        neck = self._necks.get(_levels(arch.neck))
        if neck is None or not self._modular.contains(arch):
            return None
        structure = self._structures[neck].get(_kind(arch))
        if structure is None:
            return None
        own = structure.replace(input=arch.input, proposals=arch.proposals, head=arch.head)
        return own if self._structural.contains(own) else None

    def _required_structure(self, arch: DetectorArch) -> DetectorArch:
        structure = self._structure_of(arch)
        if structure is None:
            raise SpaceError(f"expected a member of the joint space; got {arch}")
        return structure


def _levels(neck: Neck) -> Neck:
    """Return the neck at a width that stands for all."""
    return with_width(neck, 1)


def _kind(arch: DetectorArch) -> str:
    """Return the block kind of ``arch``, with the groups of its code that are not built."""
    return code_backbone(arch.backbone).block + split_code(arch)[1]
