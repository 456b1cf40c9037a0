"""From scored boxes to what is kept: non-maximum suppression (NMS) and a fixed count.

N are the candidates of each picture before, D those that are kept.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import nms

from smnas.detector.contract import Detections
from smnas.detector.gradients import without_gradients

_FEW_BOXES = 256
"""Up to here one call of NMS is cheaper than one for each label."""


@without_gradients
def keep_best(
    boxes_BN4: Tensor,
    scores_BN: Tensor,
    labels_BN: Tensor,
    min_score: float,
    max_iou: float,
    count: int,
    min_side: float = 0.0,
) -> Detections:
    """Suppress lesser boxes of the same label, and keep the best ``count`` of each picture.

    Args:
        boxes_BN4: float32.
        scores_BN: float32.
        labels_BN: int64; boxes of different labels do not suppress each other.
        min_score: Boxes at or below it are dropped.
        max_iou: A box that overlaps a better one by more is dropped.
        count: D.
        min_side: Boxes whose width or height is not above it are dropped; negative: none are.

    Returns:
        Detections of fixed shape, best first, padded with zeros.
    """
    alive_BN = scores_BN > min_score
    if min_side >= 0:
        sides_BN2 = boxes_BN4[..., 2:] - boxes_BN4[..., :2]
        alive_BN = alive_BN.logical_and((sides_BN2 > min_side).all(dim=-1))
    kept_BN = suppress(boxes_BN4, scores_BN, labels_BN, alive_BN, max_iou, count)
    ranked_BN = scores_BN.masked_fill(~kept_BN, -1.0)
    missing = count - ranked_BN.shape[1]
    order_BD = ranked_BN.topk(min(count, ranked_BN.shape[1]), dim=1).indices
    found = Detections(
        boxes_BD4=boxes_BN4.gather(1, order_BD[..., None].expand(-1, -1, 4)),
        scores_BD=scores_BN.gather(1, order_BD),
        labels_BD=labels_BN.gather(1, order_BD),
        valid_BD=kept_BN.gather(1, order_BD),
    )
    return _blank_invalid(found, max(missing, 0))


def suppress(
    boxes_BN4: Tensor,
    scores_BN: Tensor,
    labels_BN: Tensor,
    alive_BN: Tensor,
    max_iou: float,
    count: int,
) -> Tensor:
    """Return which of the boxes in ``alive_BN`` survive NMS per picture and label, (B, N) bool.

    Where a graph is captured this is one operator of fixed shape: how many survive is known only to
    who runs it. ``smnas.export.translations`` says what it is in a file.

    Args:
        boxes_BN4: float32.
        scores_BN: float32.
        labels_BN: int64.
        alive_BN: bool.
        max_iou: A box that overlaps a better one by more is dropped.
        count: As many of each label are enough.
    """
    if torch.compiler.is_compiling():
        return torch.ops.smnas.suppress(boxes_BN4, scores_BN, labels_BN, alive_BN, max_iou, count)
    return _suppress(boxes_BN4, scores_BN, labels_BN, alive_BN, max_iou)


def _suppress(
    boxes_BN4: Tensor, scores_BN: Tensor, labels_BN: Tensor, alive_BN: Tensor, max_iou: float
) -> Tensor:
    """Do it, picture by picture: torchvision's NMS costs the square of the boxes it is given."""
    kept_BN = torch.zeros_like(alive_BN)
    for picture, alive_N in enumerate(alive_BN):
        (index_M,) = alive_N.nonzero(as_tuple=True)
        kept = _suppress_within_labels(
            boxes_BN4[picture, index_M],
            scores_BN[picture, index_M],
            labels_BN[picture, index_M],
            max_iou,
        )
        kept_BN[picture, index_M[kept]] = True
    return kept_BN


@torch.library.custom_op("smnas::suppress", mutates_args=())
def _suppress_captured(
    boxes_BN4: Tensor,
    scores_BN: Tensor,
    labels_BN: Tensor,
    alive_BN: Tensor,
    max_iou: float,
    count: int,
) -> Tensor:
    return _suppress(boxes_BN4, scores_BN, labels_BN, alive_BN, max_iou)


@_suppress_captured.register_fake
def _(
    boxes_BN4: Tensor,
    scores_BN: Tensor,
    labels_BN: Tensor,
    alive_BN: Tensor,
    max_iou: float,
    count: int,
) -> Tensor:
    return torch.empty_like(alive_BN)


SUPPRESS = torch.ops.smnas.suppress.default
"""The operator, as a captured graph names it."""


def _suppress_within_labels(
    boxes_M4: Tensor, scores_M: Tensor, labels_M: Tensor, max_iou: float
) -> Tensor:
    """Return the indices of the survivors.

    Few boxes go through NMS at once, the labels kept apart by shifting them to different places: in
    float64, so that the shift of a thousand classes costs no precision. Many go label by label.
    """
    if len(boxes_M4) == 0:
        return labels_M
    if len(boxes_M4) <= _FEW_BOXES:
        shift_M = labels_M.double() * (boxes_M4.double().amax() + 1)
        return nms(boxes_M4.double() + shift_M[:, None], scores_M.double(), max_iou)
    kept: list[Tensor] = []
    for label in labels_M.unique():
        (index_M,) = (labels_M == label).nonzero(as_tuple=True)
        kept.append(index_M[nms(boxes_M4[index_M], scores_M[index_M], max_iou)])
    return torch.cat(kept)


def _blank_invalid(found: Detections, missing: int) -> Detections:
    """Zero what is not valid, and add ``missing`` invalid detections to each picture."""
    valid_BD = found.valid_BD
    return Detections(
        boxes_BD4=F.pad(found.boxes_BD4 * valid_BD[..., None], (0, 0, 0, missing)),
        scores_BD=F.pad(found.scores_BD * valid_BD, (0, missing)),
        labels_BD=F.pad(found.labels_BD * valid_BD, (0, missing)),
        valid_BD=F.pad(valid_BD, (0, missing)),
    )
