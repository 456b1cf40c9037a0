"""The RCNN head with two fully connected layers (Lin et al. 2017, FPN; paper.md 5.3 and 6.3)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from smnas.arch.parts import BoxStds, CascadeHead
from smnas.arch.parts import RcnnHead as RcnnHeadArch
from smnas.detector.batch_part import BatchPart
from smnas.detector.boxes import clip_boxes, decode_boxes, encode_boxes
from smnas.detector.contract import Detections, Targets
from smnas.detector.gradients import without_gradients
from smnas.detector.loss_settings import RcnnLosses
from smnas.detector.losses import smooth_l1_sum
from smnas.detector.postprocess import keep_best
from smnas.detector.roi_align import RoiAlign
from smnas.detector.roi_sampling import LabelledRois, sample_rois

MAX_CANDIDATES = 5000
"""(RoI, class) pairs that go into NMS: far more than pass the score threshold in a real picture."""
_CLASS_STD = 0.01
_OFFSET_STD = 0.001


class BoxPredictor(nn.Module):
    """RoI features to logits and offsets, through two fully connected layers."""

    def __init__(self, inputs: int, width: int, num_classes: int, box_classes: int) -> None:
        """Take numbers.

        Args:
            inputs: Length of a RoI's features.
            width: Of the two layers.
            num_classes: K; one more logit stands for background.
            box_classes: Boxes per RoI: K + 1 for one per class, 1 for one that fits all.
        """
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.second = nn.Linear(width, width)
        self.logits = nn.Linear(width, num_classes + 1)
        self.offsets = nn.Linear(width, box_classes * 4)
        for layer in (self.first, self.second):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.normal_(self.logits.weight, std=_CLASS_STD)
        nn.init.normal_(self.offsets.weight, std=_OFFSET_STD)
        for layer in (self.first, self.second, self.logits, self.offsets):
            nn.init.zeros_(layer.bias)

    def forward(self, features_BRCIJ: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, R, K + 1), background last, and offsets (B, R, boxes, 4); float32."""
        hidden = F.relu(self.first(features_BRCIJ.flatten(2)))
        hidden = F.relu(self.second(hidden))
        return self.logits(hidden).float(), self.offsets(hidden).float().unflatten(-1, (-1, 4))


class RcnnHead(nn.Module):
    """Classifies proposals and refines their boxes, one box per class."""

    def __init__(
        self,
        arch: RcnnHeadArch,
        roi_align: RoiAlign,
        predictor: BoxPredictor,
        num_classes: int,
        settings: RcnnLosses,
    ) -> None:
        super().__init__()
        self.arch = arch
        self.roi_align = roi_align
        self.predictor = predictor
        self.num_classes = num_classes
        self.settings = settings

    def losses(
        self,
        maps: Sequence[Tensor],
        proposals: Detections,
        image_size: tuple[int, int],
        targets: Targets,
        part: BatchPart,
    ) -> dict[str, Tensor]:
        """Return ``classification`` and ``boxes``, both per sampled RoI of the batch."""
        settings = self.settings
        rois = sample_rois(
            proposals, targets, self.num_classes, settings.match, settings.sample, part
        )
        features = self.roi_align(maps, rois.boxes_BN4, rois.valid_BN)
        logits_BNK, offsets_BNK4 = self.predictor(features)
        losses = roi_losses(
            rois, logits_BNK, offsets_BNK4, self.arch.box_stds, settings.box_beta, part
        )
        return {
            "classification": losses["classification"] * settings.class_weight,
            "boxes": losses["boxes"] * settings.box_weight,
        }

    def detect(
        self, maps: Sequence[Tensor], proposals: Detections, image_size: tuple[int, int]
    ) -> Detections:
        """Return the detections of a batch, for pictures of ``image_size`` (height, width)."""
        features = self.roi_align(maps, proposals.boxes_BD4, proposals.valid_BD)
        logits_BRK, offsets_BRK4 = self.predictor(features)
        scores_BRK = logits_BRK.softmax(dim=-1)[..., :-1] * proposals.valid_BD[..., None]
        return detect_from_rois(
            self.arch, proposals.boxes_BD4, scores_BRK, offsets_BRK4, self.arch.box_stds, image_size
        )


def roi_losses(
    rois: LabelledRois,
    logits_BNK: Tensor,
    offsets_BNK4: Tensor,
    stds: BoxStds,
    box_beta: float,
    part: BatchPart,
) -> dict[str, Tensor]:
    """Return ``classification`` (cross-entropy) and ``boxes`` (smooth L1), per valid RoI.

    Args:
        rois: What the head was asked about.
        logits_BNK: Its logits, background last.
        offsets_BNK4: Its offsets, one box per class or a single one.
        stds: Of the offsets.
        box_beta: Of the smooth L1 loss.
        part: Which of the batch it is.
    """
    labels_BN = rois.labels_BN.masked_fill(~rois.valid_BN, -1)
    classification = F.cross_entropy(
        logits_BNK.flatten(0, 1), labels_BN.flatten(), ignore_index=-1, reduction="sum"
    )
    picture_N, slot_N = rois.positive_BN.nonzero(as_tuple=True)
    box_N = rois.labels_BN[picture_N, slot_N].clamp(max=offsets_BNK4.shape[2] - 1)
    wanted_N4 = encode_boxes(
        rois.wanted_BN4[picture_N, slot_N], rois.boxes_BN4[picture_N, slot_N], stds
    )
    boxes = smooth_l1_sum(offsets_BNK4[picture_N, slot_N, box_N], wanted_N4, box_beta)
    per_roi = part.weigh(rois.valid_BN.sum(), boxes.device)
    return {"classification": classification * per_roi, "boxes": boxes * per_roi}


@without_gradients
def detect_from_rois(
    arch: RcnnHeadArch | CascadeHead,
    boxes_BR4: Tensor,
    scores_BRK: Tensor,
    offsets_BRK4: Tensor,
    stds: BoxStds,
    image_size: tuple[int, int],
) -> Detections:
    """Return detections from scored RoIs.

    Args:
        arch: Thresholds and counts.
        boxes_BR4: The RoIs.
        scores_BRK: 0 to 1, without background.
        offsets_BRK4: One box per class (further ones unused), or a single one for all classes.
        stds: Of the offsets.
        image_size: Height and width that boxes are clipped to.
    """
    classes, boxes = scores_BRK.shape[2], offsets_BRK4.shape[2]
    flat = scores_BRK.flatten(1)
    scores_BN, index_BN = flat.topk(min(MAX_CANDIDATES, flat.shape[1]), dim=1)
    roi_BN, label_BN = index_BN // classes, index_BN % classes
    place_BN = roi_BN * boxes + (label_BN if boxes > 1 else 0)
    offsets_BN4 = offsets_BRK4.flatten(1, 2).gather(1, place_BN[..., None].expand(-1, -1, 4))
    rois_BN4 = boxes_BR4.gather(1, roi_BN[..., None].expand(-1, -1, 4))
    return keep_best(
        clip_boxes(decode_boxes(offsets_BN4, rois_BN4, stds), *image_size),
        scores_BN,
        label_BN,
        min_score=arch.score,
        max_iou=arch.nms,
        count=arch.detections,
        min_side=arch.min_side,
    )
