"""Which of two archs is known to be shallower or narrower (Partial Order Pruning; paper.md 3.2).

x precedes y when x is shallower than y at equal widths (blocks that keep the width are left out of
y), or narrower at equal depth (no block, nor the stem or the neck, is wider, and one is narrower),
and when a chain of such steps leads from x to y. All else is equal: block kind, norm, proposals,
head, neck levels and input. The assumption, which a search must check, is that x is then no more
accurate, and no slower.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from smnas.arch import DetectorArch
from smnas.arch.backbone_code import plan_groups
from smnas.arch.parts import CodedBackbone, FpnNeck, NamedBackbone
from smnas.space.coding import split_code, with_width

_SMALLER_NAMES = (
    ("resnet18", "resnet34"),
    ("resnet50", "resnet101"),
    ("resnext50", "resnext101"),
)
"""Backbones by name of one family, the smaller first."""
_FAMILY = {name: (pair, rank) for pair in _SMALLER_NAMES for rank, name in enumerate(pair)}


@dataclass(frozen=True)
class OrderPlace:
    """Where an arch stands in the partial order; only those of one frame are comparable."""

    frame: Hashable
    size: int
    """Base width of a code; of a backbone by name, its rank in its family."""
    neck_width: int
    widths: tuple[tuple[int, ...], ...]
    """Of the blocks of each group that is built, last block first; none for a name."""

    def precedes(self, other: "OrderPlace") -> bool:
        """Return whether this one is shallower or narrower."""
        return (
            self.frame == other.frame
            and self.size <= other.size
            and self.neck_width <= other.neck_width
            and all(map(_fits_into, self.widths, other.widths))
            and self != other
        )


def order_place(arch: DetectorArch) -> OrderPlace:
    """Return the place of ``arch`` in the partial order."""
    neck, backbone = arch.neck, arch.backbone
    rest = (with_width(neck, 1), arch.norm, arch.proposals, arch.head, arch.input)
    width = neck.width if isinstance(neck, FpnNeck) else 0
    if isinstance(backbone, CodedBackbone):
        built = split_code(arch)[0].count("-") + 1
        groups = plan_groups(backbone.code, backbone.base)[:built]
        widths = tuple(tuple(block.planes for block in reversed(group)) for group in groups)
        return OrderPlace((*rest, backbone.block), backbone.base, width, widths)
    if isinstance(backbone, NamedBackbone) and backbone.name in _FAMILY:
        pair, rank = _FAMILY[backbone.name]
        return OrderPlace((*rest, pair, backbone.bn_eps), rank, width, ())
    return OrderPlace((*rest, backbone), 0, width, ())


def precedes(a: DetectorArch, b: DetectorArch) -> bool:
    """Return whether ``a`` is shallower or narrower than ``b``, and equal in all else.

    The relation is transitive, and never holds both ways.
    """
    return order_place(a).precedes(order_place(b))


def _fits_into(smaller: tuple[int, ...], larger: tuple[int, ...]) -> bool:
    """Return whether a group's blocks can be widened, after adding some, into those of another.

    Widths never fall along a code, and a block that is added has the width of the one before it. So
    it does most good in front of all others, and the last blocks of both groups stand opposite.
    """
    return len(smaller) <= len(larger) and all(
        a <= b for a, b in zip(smaller, larger, strict=False)
    )
