"""What a search asks of a space, whichever it is."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from smnas.arch import DetectorArch
from smnas.space.mutation import Moves


class SearchSpace(Protocol):
    """A set of archs that can be drawn from, walked in, and listed.

    Met by ``StructuralSpace``, by ``ModularSpace.around`` one structure, and by ``JointSpace``.
    """

    def contains(self, arch: DetectorArch) -> bool:
        """Return whether ``arch`` is a member."""
        ...

    def sample(self, rng: np.random.Generator) -> DetectorArch:
        """Return a member drawn at random."""
        ...

    def moves(self, arch: DetectorArch) -> Moves:
        """Return the members one step away from the member ``arch``, by operator.

        None of them computes what ``arch`` computes, and an operator without a move is left out.
        """
        ...

    def enumerate(self) -> Iterator[DetectorArch]:
        """Yield every member once, always in the same order."""
        ...
