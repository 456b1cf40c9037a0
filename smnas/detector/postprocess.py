"""From scored boxes to what is kept: non-maximum suppression (NMS) and a fixed count.

N are the candidates of each picture before, D those that are kept.
"""

import torch
from torch import Tensor
from torchvision.ops import nms

from smnas.detector.contract import Detections


@torch.no_grad()
def keep_best(
    boxes_BN4: Tensor,
    scores_BN: Tensor,
    labels_BN: Tensor,
    min_score: float,
    max_iou: float,
    count: int,
) -> Detections:
    """Suppress lesser boxes of the same label, and keep the best ``count`` of each picture.

    Args:
        boxes_BN4: float32; boxes without area are dropped.
        scores_BN: float32.
        labels_BN: int64; boxes of different labels do not suppress each other.
        min_score: Boxes at or below it are dropped.
        max_iou: A box that overlaps a better one by more is dropped.
        count: D.

    Returns:
        Detections of fixed shape, best first, padded with zeros.
    """
    has_area_BN = (boxes_BN4[..., 2:] > boxes_BN4[..., :2]).all(dim=-1)
    alive_BN = (scores_BN > min_score) & has_area_BN
    kept_BN = suppress(boxes_BN4, scores_BN, labels_BN, alive_BN, max_iou)
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
    boxes_BN4: Tensor, scores_BN: Tensor, labels_BN: Tensor, alive_BN: Tensor, max_iou: float
) -> Tensor:
    """Return which of the boxes in ``alive_BN`` survive NMS per picture and label, (B, N) bool.

    torchvision's NMS takes one picture and costs the square of its boxes, so pictures go through it
    one by one. Labels are kept apart by shifting them to different places, in float64, so that the
    shift of a thousand classes costs no precision.
    """
    shift_BN = labels_BN.double() * (boxes_BN4.amax().double() + 1)
    shifted_BN4 = boxes_BN4.double() + shift_BN[..., None]
    kept_BN = torch.zeros_like(alive_BN)
    for picture, (boxes_N4, scores_N, alive_N) in enumerate(
        zip(shifted_BN4, scores_BN.double(), alive_BN, strict=True)
    ):
        index_M = alive_N.nonzero()[:, 0]
        kept_BN[picture, index_M[nms(boxes_N4[index_M], scores_N[index_M], max_iou)]] = True
    return kept_BN


def _blank_invalid(found: Detections, missing: int) -> Detections:
    """Zero what is not valid, and add ``missing`` invalid detections to each picture."""
    valid_BD = found.valid_BD
    pad = torch.nn.functional.pad
    return Detections(
        boxes_BD4=pad(found.boxes_BD4 * valid_BD[..., None], (0, 0, 0, missing)),
        scores_BD=pad(found.scores_BD * valid_BD, (0, missing)),
        labels_BD=pad(found.labels_BD * valid_BD, (0, missing)),
        valid_BD=pad(valid_BD, (0, missing)),
    )
