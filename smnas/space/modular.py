"""Stage two: the backbone block by block and the neck's width (SM-NAS, section 3.2; paper.md 2)."""

from collections.abc import Sequence
from math import comb
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from smnas.arch import DetectorArch
from smnas.arch.backbone_code import MAX_BLOCKS, MAX_DOUBLINGS, NUM_GROUPS
from smnas.arch.parts import CodedBackbone, FpnNeck, NoNeck, Norm
from smnas.errors import SpaceError
from smnas.space.choices import Branch, IntegerChoice, Value
from smnas.space.code_choices import CodeShape, tell_code
from smnas.space.coding import code_backbone, split_code, with_code, with_width
from smnas.space.mutation import CODE_OPERATORS, Moves, pick_move, step
from smnas.space.neighbourhood import Neighbourhood

_CUTS = NUM_GROUPS - 1
Base = Annotated[int, Field(ge=8, le=1024, multiple_of=2)]
Width = Annotated[int, Field(ge=1, le=8192)]
Blocks = Annotated[int, Field(ge=NUM_GROUPS, le=MAX_BLOCKS)]


class ModularSpace(BaseModel):
    """Codes, base widths and neck widths around any structure.

    Kept of a structure are its block kind, input, neck levels, proposals and head, and the groups
    of its code that are never built: they are not searched, but count towards the limits. The
    operators lead from every member to every other, but for one case: where a structure's unbuilt
    groups leave each built one a single block, doublings cannot be moved, only drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bases: Annotated[tuple[Base, ...], Field(min_length=1)]
    neck_widths: Annotated[tuple[Width, ...], Field(min_length=1)]
    min_blocks: Blocks
    max_blocks: Blocks
    doublings: Annotated[int, Field(ge=0, le=MAX_DOUBLINGS)] = 3
    """Exact number of ``2`` in a code."""
    norm: Norm = "gn-ws"
    """Stage two trains from scratch, for which the paper takes GN + WS (paper.md 2.5)."""

    @model_validator(mode="after")
    def _choices_make_sense(self) -> Self:
        for name, values in (("bases", self.bases), ("neck_widths", self.neck_widths)):
            if list(values) != sorted(set(values)):
                raise ValueError(f"{name} must rise, each once; got {list(values)}")
        if self.min_blocks > self.max_blocks:
            raise ValueError(
                f"min_blocks is at most max_blocks; got {self.min_blocks} and {self.max_blocks}"
            )
        if self.doublings > self.min_blocks:
            raise ValueError(
                f"doublings need a block each; got {self.doublings} for {self.min_blocks} blocks"
            )
        if self.max_blocks == NUM_GROUPS and 0 < self.doublings < NUM_GROUPS:
            raise ValueError(
                f"max_blocks must leave a block beside the one of each group, or no operator can "
                f"move a doubling; got {self.max_blocks} for {NUM_GROUPS} groups"
            )
        return self

    @property
    def num_codes(self) -> int:
        """How many codes there are: where the hyphens stand, times where the doublings are."""
        lengths = range(self.min_blocks, self.max_blocks + 1)
        return sum(comb(n - 1, _CUTS) * comb(n, self.doublings) for n in lengths)

    @property
    def size(self) -> int:
        """Members around one structure that has a pyramid."""
        return self.num_codes * len(self.bases) * len(self.neck_widths)

    def holds_code(self, code: str) -> bool:
        """Return whether ``code`` has the right numbers of blocks and doublings, no group empty."""
        groups = code.split("-")
        blocks = len(code) - _CUTS
        return (
            len(groups) == NUM_GROUPS
            and all(groups)
            and self.min_blocks <= blocks <= self.max_blocks
            and code.count("2") == self.doublings
        )

    def contains(self, arch: DetectorArch) -> bool:
        """Return whether ``arch`` is a member around some structure."""
        backbone, neck = arch.backbone, arch.neck
        return (
            isinstance(backbone, CodedBackbone)
            and arch.norm == self.norm
            and backbone.base in self.bases
            and self.holds_code(backbone.code)
            and (isinstance(neck, NoNeck) or neck.width in self.neck_widths)
        )

    def enter(self, structure: DetectorArch) -> DetectorArch:
        """Return the member that stands for ``structure``: where its group begins.

        A named backbone enters as its reference code; base and neck width as the nearest choices.

        Raises:
            SpaceError: The backbone has no code, or none that the space holds.
        """
        backbone = code_backbone(structure.backbone)
        if not self.holds_code(backbone.code):
            raise SpaceError(
                f"backbone code {backbone.code!r} of {structure} is outside the modular space: it "
                f"takes {self.min_blocks} to {self.max_blocks} blocks and {self.doublings} "
                "doublings, no group empty"
            )
        neck = structure.neck
        if isinstance(neck, FpnNeck):
            neck = with_width(neck, _nearest(neck.width, self.neck_widths))
        base = _nearest(backbone.base, self.bases)
        return structure.replace(backbone=with_code(backbone, base=base), neck=neck, norm=self.norm)

    def sample(self, arch: DetectorArch, rng: np.random.Generator) -> DetectorArch:
        """Return a member around the structure of ``arch``, its number of blocks drawn evenly."""
        code = self._built_shape(arch).sample(rng)
        base = self.bases[rng.integers(len(self.bases))]
        width = self.neck_widths[rng.integers(len(self.neck_widths))]
        return self._member(arch, base, width, code)

    def moves(self, arch: DetectorArch) -> Moves:
        """Return the members one operator away from ``arch`` (see ``SearchSpace.moves``).

        Operators touch only the groups that are built.

        Raises:
            SpaceError: ``arch`` is not a member.
        """
        if not self.contains(arch) or not isinstance(arch.backbone, CodedBackbone):
            raise SpaceError(f"expected a member of the modular space; got {arch}: enter it first")
        coded, (built, rest) = arch.backbone, split_code(arch)
        backbones = {"step-base": [with_code(coded, base=b) for b in step(coded.base, self.bases)]}
        for name, operator in CODE_OPERATORS.items():
            codes = filter(self.holds_code, (child + rest for child in operator(built)))
            backbones[name] = [with_code(coded, code=code) for code in codes]
        moves = {
            name: tuple(arch.replace(backbone=backbone) for backbone in found)
            for name, found in backbones.items()
        }
        widths = step(arch.neck.width, self.neck_widths) if isinstance(arch.neck, FpnNeck) else ()
        moves["step-neck"] = tuple(
            arch.replace(neck=with_width(arch.neck, width)) for width in widths
        )
        return {name: children for name, children in moves.items() if children}

    def mutate(self, arch: DetectorArch, rng: np.random.Generator) -> tuple[DetectorArch, str]:
        """Return a member one operator away from ``arch``, and the operator's name.

        Raises:
            SpaceError: ``arch`` is not a member, or has no move.
        """
        return pick_move(self.moves(arch), rng)

    def around(self, structure: DetectorArch) -> Neighbourhood:
        """Return the part of the space that belongs to one structure.

        Raises:
            SpaceError: The structure cannot enter.
        """
        return Neighbourhood(self, self.enter(structure))

    def branches(self, structure: DetectorArch) -> tuple[Branch, ...]:
        """Return the choices that stage two has around ``structure``, a member.

        Base and width are positions in the rising lists, so that one step is a neighbour.
        """
        lists = {"base-position": self.bases}
        if isinstance(structure.neck, FpnNeck):
            lists["neck-width-position"] = self.neck_widths
        steps = (Branch(IntegerChoice(name, 0, len(of) - 1)) for name, of in lists.items())
        return (self._built_shape(structure).branch, *steps)

    def tell(self, arch: DetectorArch) -> list[Value]:
        """Return what the member ``arch`` chose of ``branches``, in their order."""
        backbone, neck = code_backbone(arch.backbone), arch.neck
        numbers = [*tell_code(split_code(arch)[0]), self.bases.index(backbone.base)]
        return [
            *numbers,
            *([self.neck_widths.index(neck.width)] if isinstance(neck, FpnNeck) else ()),
        ]

    def read(self, structure: DetectorArch, chosen: Sequence[Value]) -> DetectorArch:
        """Return the member around ``structure`` that ``tell`` gives back as ``chosen``."""
        shape = self._built_shape(structure)
        numbers, (base, *width) = chosen[: shape.told_by], map(int, chosen[shape.told_by :])
        neck_width = self.neck_widths[width[0] if width else 0]
        code = shape.read(list(map(int, numbers)))
        return self._member(structure, self.bases[base], neck_width, code)

    def _built_shape(self, arch: DetectorArch) -> CodeShape:
        built, rest = split_code(arch)
        groups, unbuilt = built.count("-") + 1, len(rest) - rest.count("-")
        doublings = self.doublings - rest.count("2")
        fewest = max(self.min_blocks - unbuilt, groups, doublings)
        return CodeShape(groups, fewest, self.max_blocks - unbuilt, doublings, rest)

    def _member(self, arch: DetectorArch, base: int, width: int, code: str) -> DetectorArch:
        block = code_backbone(arch.backbone).block
        return arch.replace(
            backbone=CodedBackbone(block=block, base=base, code=code),
            neck=with_width(arch.neck, width),
            norm=self.norm,
        )


def _nearest(value: int, choices: tuple[int, ...]) -> int:
    return min(choices, key=lambda choice: abs(choice - value))
