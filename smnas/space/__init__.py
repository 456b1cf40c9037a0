"""What may be built: the structural and the modular space, and the pairs of them by name."""

from smnas.space.contract import SearchSpace
from smnas.space.modular import ModularSpace
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace

__all__ = ["ModularSpace", "SearchSpace", "SpacePair", "StructuralSpace"]
