"""What a head that looks at every anchor puts out (RetinaNet, RPN), and how it is read.

Tensor letters: S anchor shapes, P positions over all levels, A = S x P anchors (see ``anchors``), N
chosen anchors of each picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from smnas.detector.anchors import AnchorGrid
from smnas.detector.gradients import without_gradients


@dataclass(frozen=True)
class DenseOutputs:
    """Logits and box offsets of all anchors."""

    logits_BSKP: Tensor
    """One per class; K is 1 for an RPN. In the precision of the convolutions."""
    offsets_BS4P: Tensor
    """What ``decode_boxes`` takes, with the coordinate before the position."""
    grid: AnchorGrid

    def at(self, anchor_BN: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, N) and offsets (B, N, 4) of the chosen anchors, where K is 1."""
        return self.logits_BSKP.flatten(1).gather(1, anchor_BN), self.offsets_at(anchor_BN)

    def offsets_at(self, anchor_BN: Tensor) -> Tensor:
        """Return the offsets of the chosen anchors, (B, N, 4)."""
        batch, count = anchor_BN.shape
        shape_BN, position_BN = self.grid.split(anchor_BN)
        coordinate_4 = torch.arange(4, device=anchor_BN.device)
        row_BN4 = shape_BN[..., None] * 4 + coordinate_4
        flat_BN4 = row_BN4 * self.grid.positions + position_BN[..., None]
        return self.offsets_BS4P.flatten(1).gather(1, flat_BN4.flatten(1)).view(batch, count, 4)


@dataclass(frozen=True)
class TopAnchors:
    """The best-scored (anchor, class) pairs of each level, all levels after each other."""

    logits_BN: Tensor
    """float32."""
    anchor_BN: Tensor
    """int64: index along A."""
    label_BN: Tensor
    """int64: index along K."""
    level_N: Tensor
    """int64: position of the level in the pyramid."""


def join_levels(
    outputs: Sequence[tuple[Tensor, Tensor]], shapes: int, grid: AnchorGrid
) -> DenseOutputs:
    """Return the outputs of all levels as one.

    Args:
        outputs: Of each level, finest first: logits (B, S * K, H, W) and offsets (B, S * 4, H, W).
        shapes: S, anchor shapes at a position.
        grid: The anchors that they belong to.
    """
    logits, offsets = zip(*outputs, strict=True)
    return DenseOutputs(join_maps(logits, shapes), join_maps(offsets, shapes), grid)


def join_maps(maps: Sequence[Tensor], shapes: int) -> Tensor:
    """Return the maps (B, S * X, H, W) of all levels as one, (B, S, X, P).

    Args:
        maps: Of each level, finest first.
        shapes: S, anchor shapes at a position.
    """
    return torch.cat([level.flatten(2).unflatten(1, (shapes, -1)) for level in maps], dim=-1)


@without_gradients
def top_anchors(outputs: DenseOutputs, count: int) -> TopAnchors:
    """Return the ``count`` best-scored pairs of each level, or all where there are fewer."""
    positions = outputs.grid.positions
    found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for level, (start, end) in enumerate(outputs.grid.spans):
        logits_BSKP = outputs.logits_BSKP[..., start:end].float()
        classes, width = logits_BSKP.shape[2], end - start
        flat = logits_BSKP.flatten(1)
        logits_BN, index_BN = flat.topk(min(count, flat.shape[1]), dim=1)
        row_BN = index_BN // width
        position_BN = index_BN % width + start
        anchor_BN = row_BN // classes * positions + position_BN
        level_N = torch.full_like(index_BN[0], level)
        found.append((logits_BN, anchor_BN, row_BN % classes, level_N))
    logits, anchors, labels, levels = zip(*found, strict=True)
    return TopAnchors(
        torch.cat(logits, dim=1),
        torch.cat(anchors, dim=1),
        torch.cat(labels, dim=1),
        torch.cat(levels),
    )
