"""The part of stage two's space that belongs to one structure."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from smnas.arch import DetectorArch
from smnas.errors import SpaceError
from smnas.space.choices import Branch, ChoiceTree, Value, Values
from smnas.space.coding import code_backbone, split_code, with_width
from smnas.space.mutation import Moves


class Modules(Protocol):
    """A space that is searched around structures: ``ModularSpace``, or one made for a benchmark."""

    def contains(self, arch: DetectorArch) -> bool:
        """Return whether ``arch`` is a member around some structure."""
        ...

    def sample(self, arch: DetectorArch, rng: np.random.Generator) -> DetectorArch:
        """Return a member around the structure of ``arch``."""
        ...

    def moves(self, arch: DetectorArch) -> Moves:
        """Return the members one operator away from ``arch`` (see ``SearchSpace.moves``)."""
        ...

    def branches(self, structure: DetectorArch) -> tuple[Branch, ...]:
        """Return the choices that there are around ``structure``, a member."""
        ...

    def tell(self, arch: DetectorArch) -> list[Value]:
        """Return what the member ``arch`` chose of ``branches``, in their order."""
        ...

    def read(self, structure: DetectorArch, chosen: Sequence[Value]) -> DetectorArch:
        """Return the member around ``structure`` that ``tell`` gives back as ``chosen``."""
        ...


@dataclass(frozen=True)
class Neighbourhood:
    """The members around one structure: what a group of stage two searches."""

    space: Modules
    entry: DetectorArch
    """The structure itself, as a member."""

    @cached_property
    def frame(self) -> Hashable:
        """What all members have in common; equal for structures that share a neighbourhood."""
        return frame_of(self.entry)

    def contains(self, arch: DetectorArch) -> bool:
        """Return whether ``arch`` is a member."""
        return self.space.contains(arch) and frame_of(arch) == self.frame

    def sample(self, rng: np.random.Generator) -> DetectorArch:
        """Return a member drawn at random."""
        return self.space.sample(self.entry, rng)

    def moves(self, arch: DetectorArch) -> Moves:
        """Return the members one operator away from ``arch`` (see ``SearchSpace.moves``)."""
        return self.space.moves(arch)

    def enumerate(self) -> Iterator[DetectorArch]:
        """Yield every member once, fewest blocks first."""
        return map(self.decode, self.choices.enumerate())

    @cached_property
    def choices(self) -> ChoiceTree:
        """The tree: as many assignments as members (see ``ChoiceSpace``)."""
        return ChoiceTree(*self.space.branches(self.entry))

    @property
    def size(self) -> int:
        """Number of members."""
        return self.choices.size

    def encode(self, arch: DetectorArch) -> dict[str, Value]:
        """Return the one assignment of a member (see ``ChoiceSpace.encode``)."""
        if not self.contains(arch):
            raise SpaceError(f"expected a member around {self.entry}; got {arch}")
        return self.choices.name(self.space.tell(arch))

    def decode(self, values: Values) -> DetectorArch:
        """Return the member of an assignment (see ``ChoiceSpace.decode``)."""
        return self.space.read(self.entry, self.choices.order(values))


def frame_of(arch: DetectorArch) -> Hashable:
    """Return all of ``arch`` that stage two leaves alone but the norm; see ``Neighbourhood``."""
    block, unbuilt = code_backbone(arch.backbone).block, split_code(arch)[1]
    return arch.input, block, with_width(arch.neck, 1), arch.proposals, arch.head, unbuilt
