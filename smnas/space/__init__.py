"""What may be built: the structural and the modular space, both as one, and their pairs by name."""

from smnas.space.contract import SearchSpace
from smnas.space.joint import JointSpace
from smnas.space.modular import ModularSpace
from smnas.space.pair import SpacePair
from smnas.space.structural import StructuralSpace

__all__ = ["JointSpace", "ModularSpace", "SearchSpace", "SpacePair", "StructuralSpace"]
